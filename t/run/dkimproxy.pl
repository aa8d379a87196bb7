#!/usr/bin/perl
# What DKIMproxy signs, where its own program cannot be had: Mail::DKIM, which
# made its signatures, with the choice that its manual describes (domain,
# signature, sender map, list-id map, macros). Written from the manual.
#
#	dkimproxy.pl CONF MESSAGE...
#
# One line a message: "dkim d s i, domainkeys d s i", `-` where there is no i=.
use strict;
use warnings;
use Mail::DKIM::Signer;
use Mail::DKIM::Signature;
use Mail::DKIM::DkSignature;

my ($conf, @messages) = @ARGV;
my (%set, @signatures, %map);

sub lines {
    my ($path) = @_;
    open(my $in, '<', $path) or die "$path: $!\n";
    my @lines = <$in>;
    chomp @lines;
    return @lines;
}

for (lines($conf)) {
    s/#.*//;
    next unless /^\s*(\w+)\s*[=:\s]\s*(\S.*?)\s*$/;
    if ($1 eq 'signature') { push @signatures, $2 } else { $set{$1} = $2 }
}
for my $name (grep { $set{$_} } qw(sender_map listid_map)) {
    for (lines($set{$name})) {
        $map{$name}{$1} = $2 if /^([^\s#;]\S*)\s+(.*)$/;
    }
}
@signatures = ('dkim') if !@signatures && !%map;

# The address, without its +extension, its domain, each parent, the dot.
sub find {
    my ($entries, $address) = @_;
    my @keys = (lc $address);
    push @keys, $keys[0] =~ s/\+.*\@/@/r if $keys[0] =~ /\+.*\@/;
    my $domain = $keys[-1] =~ s/.*\@//r;
    while (length $domain) {
        push @keys, $domain;
        $domain = $domain =~ /\.(.*)/ ? $1 : '';
    }
    for my $key (@keys, '.') {
        return ($entries->{$key}, $key) if defined $entries->{$key};
    }
    return;
}

sub expand {
    my ($text, $key, $sender) = @_;
    my %known = (key => $key, sender => $sender);
    $text =~ s/\$(\w+?)(domain)?\b/
        defined $2 ? $known{$1} =~ s{.*\@}{}r : $known{$1}/e;
    return $text;
}

# "dkim(a=b), domainkeys" as a list of hashes.
sub parse {
    my ($text, $key, $sender) = @_;
    my @made;
    while ($text =~ /(\w+)(?:\(([^)]*)\))?/g) {
        my %one = (type => $1, d => $key, s => $set{selector},
            key => $set{keyfile});
        for (split /,\s*/, $2 // '') {
            my ($name, $value) = split /=/, $_, 2;
            $name = {domain => 'd', selector => 's', keyfile => 'key',
                identity => 'i', method => 'c', algorithm => 'a'}->{$name}
                // $name;
            $one{$name} = $value;
        }
        $one{c} //= $set{method} // ($1 eq 'dkim' ? 'relaxed' : 'nofws');
        for (qw(d i)) {
            $one{$_} = expand($one{$_}, $key, $sender) if defined $one{$_};
        }
        push @made, \%one;
    }
    return @made;
}

sub choose {
    my ($signer) = @_;
    my $sender = $signer->message_sender->address;
    my $domain = $signer->message_sender->host;
    my $list = $signer->{headers_by_name}->{'list-id'};

    if ($list && $map{listid_map}) {
        $list = $1 if $list =~ /<([^>]*)>/;
        my ($text, $key) = find($map{listid_map}, $list);
        if (defined $text) {
            $key =~ s/^[^.]*\.// if $key eq lc $list;
            return parse($text, $key, $sender);
        }
    }
    if ($map{sender_map}) {
        my ($text, $key) = find($map{sender_map}, $sender);
        return parse($text, $key =~ s/.*\@//r, $sender) if defined $text;
    }
    my @domains = split /,/, $set{domain} // '';
    my $chosen = $domains[0];
    if (@domains > 1) {
        $chosen = undef;
        for (my $up = $domain; !$chosen && length $up;
            $up = $up =~ /\.(.*)/ ? $1 : '') {
            ($chosen) = grep { lc $_ eq lc $up } @domains;
        }
        return unless $chosen;
    }
    return map { parse($_, $chosen, $sender) } @signatures;
}

for my $path (@messages) {
    open(my $in, '<', $path) or die "$path: $!\n";
    my @added;
    my $signer = Mail::DKIM::Signer->new(
        KeyFile => $set{keyfile},
        Policy => sub {
            my ($self) = @_;
            for my $one (choose($self)) {
                my $host = $self->message_sender->host;
                next if $one->{type} eq 'domainkeys'
                    && $host !~ /(^|\.)\Q$one->{d}\E$/i;
                my $class = $one->{type} eq 'dkim'
                    ? 'Mail::DKIM::Signature' : 'Mail::DKIM::DkSignature';
                my $made = $class->new(Algorithm => $one->{a},
                    Method => $one->{c}, Domain => $one->{d},
                    Selector => $one->{s}, Identity => $one->{i},
                    Headers => $self->headers);
                $made->{KeyFile} = $one->{key};
                $self->add_signature($made);
                push @added, $one;
            }
            return;
        });
    $signer->load($in);
    my @said = map { join ' ', $_->{type}, lc $_->{d}, $_->{s}, $_->{i} // '-' }
        @added;
    die "$path: signed otherwise than chosen\n"
        unless @said == $signer->signatures;
    print join(', ', @said), "\n";
}
