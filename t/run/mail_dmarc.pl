#!/usr/bin/perl
# A report's mail on stdin, read by Mail::DMARC; what it understood, as JSON.
use strict;
use warnings;
use Email::Simple;
use JSON::PP;
use Mail::DMARC::Report::Receive;

# It keeps nothing: what it was about to keep is what we want.
no warnings 'redefine';
local *Mail::DMARC::Report::save_aggregate = sub { 1 };
# It was made before RFC 9990 and asks for elements of no name space; all else
# of such a report it reads.
my $handle_body = \&Mail::DMARC::Report::Receive::handle_body;
local *Mail::DMARC::Report::Receive::handle_body = sub {
	my ($self, $body) = @_;
	$body =~ s/ xmlns="urn:ietf:params:xml:ns:dmarc-2\.0"//;
	return $handle_body->($self, $body);
};
open my $said, '>&', \*STDOUT or die $!;
open STDOUT, '>', '/dev/null' or die $!;
my $mail = do { local $/; <STDIN> };
my $receive = Mail::DMARC::Report::Receive->new;
my $type = $receive->from_email_simple(Email::Simple->new($mail));
die "no aggregate report\n" unless ($type // '') eq 'aggregate';

my $aggregate = $receive->report->aggregate;
my $metadata = $aggregate->metadata;
my $policy = $aggregate->policy_published;
my @records = map {
	+{ source_ip => $_->row->source_ip . '', count => $_->row->count . '',
	    spf => $_->row->policy_evaluated->spf . '' }
} @{ $aggregate->record };
print {$said} encode_json({
	metadata => { map { $_ => $metadata->$_ . '' }
	    qw(org_name email report_id begin end) },
	policy => { map { $_ => ($policy->$_ // '') . '' }
	    qw(domain p sp pct adkim) },
	records => \@records });
