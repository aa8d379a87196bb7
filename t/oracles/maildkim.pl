#!/usr/bin/perl
# Mail::DKIM's side of the oracles; the commands are those of ours.c.
use strict;
use warnings;

use Mail::DKIM::ARC::Signer;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;
use Mail::DKIM::DkSignature;
use Mail::DKIM::Signature;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;
use Net::DNS;

# Answers from the zone, in place of a resolver.
package ZoneResolver {
    sub new {
        my ( $class, $path ) = @_;
        my %zone;
        open my $in, '<', $path or die "$path: $!\n";
        while (<$in>) {
            $zone{$1} = $2 if /^(\S+) TXT (.*)$/;
        }
        return bless { zone => \%zone }, $class;
    }

    sub send {
        my ( $self, $name, $type ) = @_;
        my $packet = Net::DNS::Packet->new( $name, $type );
        my $text   = $self->{zone}{ lc $name };
        $packet->header->rcode( defined $text ? 'NOERROR' : 'NXDOMAIN' );
        if ( defined $text ) {
            my @strings = unpack '(A250)*', $text;
            $packet->push(
                answer => Net::DNS::RR->new(
                    name    => $name,
                    type    => 'TXT',
                    txtdata => \@strings,
                )
            );
        }
        return $packet;
    }
    sub errorstring { return 'NOERROR' }
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!\n";
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub sign {
    my ( $type, $algorithm, $canon, $key, $selector, $from, $to ) = @_;
    my %common = (
        Algorithm => $algorithm,
        Method    => $canon,
        Domain    => 'example.org',
        Selector  => $selector,
    );
    my $policy = sub {
        my ($signer) = @_;
        $signer->add_signature(
            $type eq 'dkim'
            ? Mail::DKIM::Signature->new(
                %common, Headers => $signer->headers )
            : Mail::DKIM::DkSignature->new(
                %common,
                Query   => 'dns',
                Headers => $signer->headers
            )
        );
        return;
    };
    my $signer = Mail::DKIM::Signer->new(
        %common,
        Policy  => $policy,
        KeyFile => $key,
    );
    my $text = slurp($from);
    $signer->PRINT($text);
    $signer->CLOSE;
    open my $out, '>:raw', $to or die "$to: $!\n";
    print {$out} map { $_->as_string . "\015\012" } $signer->signatures;
    print {$out} $text;
    close $out or die "$to: $!\n";
    return 'ok';
}

sub verify {
    my ($path) = @_;
    my $verifier = Mail::DKIM::Verifier->new;
    $verifier->PRINT( slurp($path) );
    $verifier->CLOSE;
    my @results;
    for my $signature ( $verifier->signatures ) {
        my $method =
          $signature->isa('Mail::DKIM::DkSignature') ? 'domainkeys' : 'dkim';
        push @results, "$method=" . $signature->result;
    }
    return "@results # " . $verifier->result_detail;
}

sub judge {
    my ($path) = @_;
    my $verifier = Mail::DKIM::ARC::Verifier->new;
    $verifier->PRINT( slurp($path) );
    $verifier->CLOSE;
    return 'arc=' . $verifier->result . ' # ' . $verifier->result_detail;
}

sub seal {
    my ( $key, $selector, $authserv, $from, $to ) = @_;
    my ($chain) = judge($from) =~ /^arc=(\w+)/;
    my $text =
      "Authentication-Results: $authserv; arc=$chain\015\012" . slurp($from);
    my $signer = Mail::DKIM::ARC::Signer->new(
        Algorithm => 'rsa-sha256',
        Chain     => $chain,
        Domain    => 'example.org',
        SrvId     => $authserv,
        Selector  => $selector,
        KeyFile   => $key,
    );
    $signer->PRINT($text);
    $signer->CLOSE;
    die $signer->result_detail . "\n" if $signer->result ne 'sealed';
    open my $out, '>:raw', $to or die "$to: $!\n";
    my $fields = $signer->as_string;
    $fields =~ s/(?<!\015)\012/\015\012/g;
    $fields .= "\015\012" if $fields !~ /\015\012\z/;
    print {$out} $fields, $text;
    close $out or die "$to: $!\n";
    return 'ok';
}

my %commands =
  ( sign => \&sign, verify => \&verify, judge => \&judge, seal => \&seal );

Mail::DKIM::DNS::resolver( ZoneResolver->new( $ARGV[0] ) );
$| = 1;
while ( my $line = <STDIN> ) {
    my ( $command, @words ) = split ' ', $line;
    my $answer = eval { $commands{$command}->(@words) };
    $answer = "error: $@" if !defined $answer;
    $answer =~ s/\s*\n\s*/ /g;
    print "$answer\n";
}
