#!/usr/bin/perl
# Says of a message on standard input what Mail::DKIM finds: a line for each
# signature, "dkim pass example.org s1" or "domainkeys fail ... (why)". The
# arguments are NAME=TEXT, the TXT records that there are.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my %records = map { /^([^=]+)=(.*)$/s or die "bad record $_\n"; (lc $1, $2) }
    @ARGV;

{
	no warnings 'redefine';
	*Mail::DKIM::DNS::query = sub {
		my ($name, $type) = @_;
		my $text = $records{lc $name};
		return unless defined $text && $type eq 'TXT';
		my @strings = $text =~ /(.{1,255})/gs;
		return Net::DNS::RR->new(name => $name, type => 'TXT',
		    txtdata => \@strings);
	};
}

binmode STDIN;
my $verifier = Mail::DKIM::Verifier->new;
while (my $line = <STDIN>) {
	$line =~ s/\r?\n\z/\r\n/;
	$verifier->PRINT($line);
}
$verifier->CLOSE;
for my $signature ($verifier->signatures) {
	my $type = ref $signature eq 'Mail::DKIM::DkSignature'
	    ? 'domainkeys' : 'dkim';
	printf "%s %s %s %s (%s)\n", $type, $signature->result,
	    $signature->domain, $signature->selector // '-',
	    $signature->result_detail;
}
