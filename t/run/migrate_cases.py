"""Configurations that people move from, and the messages that they are tried
with. Those of real sites are told in their own words: what they are about
stands with each; domains, names and paths are ours.

Each case is what its files hold; {K1} to {K4} in them are paths of keys.
"""

# --- messages ---

DOMAINS = (
    "example.org", "sub.example.org", "a.b.example.org", "example.com",
    "mail.example.com", "lists.example.com", "example.net", "www.example.net",
    "notexample.org", "tenant1.test", "tenant2.test", "other.test",
    "localhost")
LOCALS = "ann", "info", "sales", "bounce-17", "ceo"


def messages():
    """Two hundred: author, sender, list and spelling of each are different."""
    made = []
    for number in range(200):
        domain = DOMAINS[number % len(DOMAINS)]
        local = LOCALS[number // 3 % len(LOCALS)]
        author = f"{local}@{domain}"
        fields = []
        if number % 7 == 3:
            author = f"{local}@{domain.upper()}"
        if number % 11 == 5:
            author = f"{local}+news@{domain}"
        if number % 5 == 0:
            fields.append(f'From: "Ann, of {local}" <{author}>')
        elif number % 5 == 1:
            fields.append(f"From: {author} (a comment)")
        else:
            fields.append(f"From: {author}")
        if number % 9 == 4:
            fields.append(f"Sender: owner@lists.{DOMAINS[number % 3]}")
        if number % 8 == 6:
            fields.append("List-Id: Talk <talk.lists.example.com>")
        if number % 8 == 7:
            fields.append("List-Id: <news.example.org>")
        fields += ["To: bob@example.net", f"Subject: number {number}",
                   "Date: Mon, 30 Nov 2026 10:00:00 +0000",
                   f"Message-ID: <{number}@mail.example.org>"]
        body = "Hello.  \r\n" * (1 + number % 4) + "\r\n" * (number % 3)
        made.append(("\r\n".join(fields) + "\r\n\r\n" + body).encode())
    return made


# --- OpenDKIM ---

SOCKET = "local:/run/opendkim/opendkim.sock"
DEBIAN = """\
Syslog			yes
SyslogSuccess		yes
Canonicalization	relaxed/simple
OversignHeaders		From
UserID			opendkim
UMask			007
Socket			local:/run/opendkim/opendkim.sock
PidFile			/run/opendkim/opendkim.pid
TrustAnchorFile		/usr/share/dns/root.key
"""


class Case:
    """`status`: how migrate ends; `named`: what its report has to name;
    `apart`: of which senders it says that they are signed otherwise now."""

    def __init__(self, name, conf, files=None, status=0, named=(),
                 apart=lambda author: False):
        self.name = name
        self.conf = conf
        self.files = files or {}
        self.status = status
        self.named = named
        self.apart = apart


OPENDKIM = [
    # README.opendkim and the man page: one domain.
    Case("one domain, Debian's file filled in", DEBIAN + """
Domain		example.org
Selector	s1
KeyFile		{K1}
"""),
    Case("one domain and what is below it", DEBIAN + """
Mode		sv
SubDomains	yes
Domain		example.org
Selector	s1
KeyFile		{K1}
"""),
    Case("a list of domains, one key", DEBIAN + """
Mode		s
Domain		example.org, example.com,example.net
Selector	s1
KeyFile		{K1}
"""),
    Case("domains in a file; some mail is not looked at", DEBIAN + """
Domain		/etc/opendkim/domains
SubDomains	yes
Selector	s1
KeyFile		{K1}
ExemptDomains	mail.example.com, other.test
""", {"/etc/opendkim/domains": "example.org\nexample.com # shop\n\n"}),
    # A how-to for Debian 7 (linode/docs, 178): two lines a domain.
    Case("two lines a domain, of the domain and of the server", DEBIAN + """
KeyTable		/etc/opendkim/KeyTable
SigningTable		refile:/etc/opendkim/SigningTable
ExternalIgnoreList	/etc/opendkim/TrustedHosts
InternalHosts		/etc/opendkim/TrustedHosts
""", {
        "/etc/opendkim/KeyTable":
            "s1._domainkey.example.org example.org:s1:{K1}\n"
            "s2._domainkey.example.com example.com:s2:{K2}\n",
        "/etc/opendkim/SigningTable":
            "*@example.org s1._domainkey.example.org\n"
            "*@sub.example.org s1._domainkey.example.org\n"
            "*@example.com s2._domainkey.example.com\n"
            "*@mail.example.com s2._domainkey.example.com\n",
        "/etc/opendkim/TrustedHosts":
            "127.0.0.1\nlocalhost\n::1\n10.0.0.0/8\n*.example.org\n"},
         status=1, named=(r"\*\.example\.org: there are no patterns of "
                          r"hosts",)),
    # docker-mailserver, 1579: one key for every domain.
    Case("one key for every domain, by % in the key table", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable": "k %:s1:{K1}\n",
        "/etc/opendkim/SigningTable": "* k\n"}),
    # docker-mailserver, 3810: a first line that takes all.
    Case("a first line that takes all", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable":
            "k1 example.org:s1:{K1}\nk2 example.com:s2:{K2}\n",
        "/etc/opendkim/SigningTable": "*@* k1\n*@example.com k2\n"}),
    # anonaddy, 142: the domain and its aliases below it.
    Case("aliases below a domain", DEBIAN + """
KeyTable	refile:/etc/opendkim/key.table
SigningTable	refile:/etc/opendkim/signing.table
InternalHosts	refile:/etc/opendkim/trusted.hosts
""", {
        "/etc/opendkim/key.table":
            "s1._domainkey.example.org example.org:s1:{K1}\n",
        "/etc/opendkim/signing.table":
            "*@example.org   s1._domainkey.example.org\n"
            "*@*.example.org s1._domainkey.example.org\n",
        "/etc/opendkim/trusted.hosts": "127.0.0.1\n::1\n"}),
    Case("below a domain, without an @", DEBIAN + """
KeyTable	/etc/opendkim/key.table
SigningTable	refile:/etc/opendkim/signing.table
""", {
        "/etc/opendkim/key.table": "k example.org:s1:{K1}\n",
        "/etc/opendkim/signing.table": "*.example.org k\n"}),
    # lieser/dkim_verifier, 69: a host signs as its domain.
    Case("a host that signs as its domain, with i=", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable": "k example.com:s2:{K2}\n",
        "/etc/opendkim/SigningTable":
            "*@mail.example.com k:@%\n*@example.com k:robot@example.com\n"
            "*@other.test k:@%\n"}),
    Case("a table that is no refile: hosts, what is below, addresses",
         DEBIAN + """
KeyTable	file:/etc/opendkim/KeyTable
SigningTable	file:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable":
            "k1 example.org:s1:{K1}\nk2 example.com:s2:{K2}\n"
            "k3 %:s3:{K3}\n",
        "/etc/opendkim/SigningTable":
            "ceo@example.org k2\nexample.org k1\n.example.org k1:@%\n"
            ".b.example.org k3\nexample.com k2\n* k3\n"},
         apart=lambda author: author.startswith("ceo+news@example.org")),
    Case("all of it in the one file", DEBIAN + """
KeyTable	csl:k1=example.org:s1:{K1},k2=example.com:s2:{K2}
SigningTable	example.org=k1,example.com=k2
"""),
    # One that hosts for others: a key for each, by its name.
    Case("tenants, each with a key of its own by %", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable":
            "tenant1.test tenant1.test:s1:{K1}\n"
            "tenant2.test %:s2:{K2}\n"
            "example.net example.net:s3:{K3}\n",
        "/etc/opendkim/SigningTable":
            "*@tenant1.test %\n*@tenant2.test %:@%\n*@example.net %\n"}),
    Case("keys in files named by the domain", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable": "all %:s1:/etc/opendkim/by/%/mail.private\n",
        "/etc/opendkim/SigningTable":
            "*@tenant1.test all\n*@tenant2.test all\n",
        "/etc/opendkim/by/tenant1.test/mail.private": "{=K1}",
        "/etc/opendkim/by/tenant2.test/mail.private": "{=K1}"}),
    Case("two selectors, both signatures", DEBIAN + """
MultipleSignatures yes
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable":
            "old example.org:s1:{K1}\nnew example.org:s4:{K4}\n"
            "com example.com:s2:{K2}\n",
        "/etc/opendkim/SigningTable":
            "*@example.org old\n*@example.org new\n*@*.example.org new\n"
            "*@example.com com\n*@*com com\n"},
         named=(r"\*@\*com: matched every domain that ends so",)),
    Case("many domains", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable": "".join(
            f"d{n} site{n}.test:s1:{{K1}}\n" for n in range(500)) +
            "org example.org:s1:{K1}\n",
        "/etc/opendkim/SigningTable": "".join(
            f"*@site{n}.test d{n}\n" for n in range(500)) +
            "*@example.org org\n"}),
    Case("lists: the Sender decides, and addresses of one by one",
         DEBIAN + """
SenderHeaders	Sender,From
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable":
            "lists lists.example.org:s3:{K3}\norg example.org:s1:{K1}\n",
        "/etc/opendkim/SigningTable":
            "owner@lists.example.org lists\n"
            "(info|sales)@example.org org\n"},
         apart=lambda author: "+news@example.org" in author),
    Case("local parts that our map has no keys for", DEBIAN + """
KeyTable	/etc/opendkim/KeyTable
SigningTable	refile:/etc/opendkim/SigningTable
""", {
        "/etc/opendkim/KeyTable":
            "org example.org:s1:{K1}\ncom example.com:s2:{K2}\n",
        "/etc/opendkim/SigningTable":
            "bounce-*@example.org com\n*@example.org org\n"
            "[0-9]+@example.com com\nceo@* com\n"},
         status=1,
         named=(r"SigningTable:1: bounce-\*@example\.org: ",
                r"SigningTable:3: \[0-9\]\+@example\.com: is an expression",
                r"SigningTable:4: ceo@\*: "),
         apart=lambda author: author.startswith(("bounce-", "ceo"))),
    Case("a key within the table, an Include, a relative path", DEBIAN + """
BaseDirectory	/etc/opendkim
Include		/etc/opendkim/tables.conf
""", {
        "/etc/opendkim/tables.conf":
            "KeyTable\tfile:KeyTable\nSigningTable refile:SigningTable\n",
        "/etc/opendkim/KeyTable":
            "k1 example.org:s1:{K1}\nk5 example.com:s5:{B5}\n",
        "/etc/opendkim/SigningTable":
            "*@example.org k1\n*@example.com k5\n"}),
    # opendkim.conf.simple-verify.
    Case("verify only", DEBIAN + """
Mode		v
On-NoSignature	accept
AuthservID	mx.example.org
InternalHosts	127.0.0.1, 10.0.0.0/8
"""),
    # opendkim.conf.simple.
    Case("the simple example", """\
Syslog                  yes
SyslogSuccess           yes
Canonicalization	relaxed/simple
Domain			localhost
Selector		s1
KeyFile			{K1}
Socket                  local:/run/opendkim/opendkim.sock
UserID			opendkim
ReportAddress           postmaster@localhost
SendReports             yes
"""),
    # OpenDKIM, 252: refuses bad signatures.
    Case("signs, and refuses what is bad", DEBIAN + """
Mode                    sv
SubDomains              n
On-BadSignature         r
On-DNSError             t
On-InternalError        t
On-KeyNotFound          a
On-NoSignature          a
On-Security             t
On-SignatureError       r
AutoRestart             y
AutoRestartRate         10/1M
Nameservers             127.0.0.1
DNSTimeout              5
SignatureAlgorithm      rsa-sha256
Domain			example.org
Selector		s1
KeyFile			{K1}
"""),
]


def sample(text):
    """opendkim.conf.sample, as OpenDKIM ships it. It runs as root, with a key
    where it says; its Socket is a placeholder, set in one of the forms that it
    lists."""
    placeholder = "Socket\t\t\tinet:port@localhost\n"
    if placeholder not in text:
        raise AssertionError("the sample has another Socket now")
    return Case("the sample that it ships",
                text.replace(placeholder, f"Socket\t\t\t{SOCKET}\n"),
                {"/var/db/dkim/example.private": "{=K1}"})


# --- DKIMproxy ---

PORTS = "listen 127.0.0.1:10027\nrelay 127.0.0.1:10028\n"

# What DKIMproxy 1.4.1 does with these is not what its manual says.
EXTENSION = (r"sender_map: an address with a \+extension is found as",)


def extended(author):
    return "+" in author


DKIMPROXY = [
    Case("the example that it ships, with a key", """\
# specify what address/port DKIMproxy should listen on
listen    127.0.0.1:10027

# specify what address/port DKIMproxy forwards mail to
relay     127.0.0.1:10028

# specify what domains DKIMproxy can sign for (comma-separated, no spaces)
domain    example.org

# specify what signatures to add
signature dkim(c=relaxed)
signature domainkeys(c=nofws)

# specify location of the private key
keyfile   {K1}

# specify the selector (i.e. the name of the key record put in DNS)
selector  s1
#min_servers 5
#min_spare_servers 2
"""),
    Case("two domains", PORTS + """
domain    example.org,example.com
signature dkim(c=relaxed,a=rsa-sha256)
keyfile   {K1}
selector  s1
reject_error 1
"""),
    Case("as little as may be", PORTS + """
domain = example.net
keyfile = {K1}
selector = s1
"""),
    Case("a sender map", PORTS + """
keyfile   {K1}
selector  s1
sender_map /etc/dkimproxy/sender_map
min_servers 2
""", {"/etc/dkimproxy/sender_map":
          "# ours\n"
          "ceo@example.org  dkim(d=example.com,s=s2,key={K2})\n"
          "example.org      dkim(c=relaxed,a=rsa-sha256), "
          "domainkeys(c=nofws)\n"
          "sub.example.org  domainkeys\n"
          "example.com      dkim(i=robot@example.com)\n"
          "tenant1.test     dkim(i=$sender)\n"},
         apart=extended, named=EXTENSION),
    Case("a list-id map before a sender map", PORTS + """
keyfile   {K1}
selector  s1
sender_map /etc/dkimproxy/sender_map
listid_map /etc/dkimproxy/listid_map
""", {"/etc/dkimproxy/sender_map": ".  dkim(d=$senderdomain)\n",
      "/etc/dkimproxy/listid_map":
          "talk.lists.example.com  dkim(d=lists.example.com,s=s3,"
          "key={K3})\n"
          "example.org  dkim\n"}, named=EXTENSION),
    Case("a map, and a default for the rest", PORTS + """
domain    example.com,example.net
signature dkim(c=simple,s=s4,key={K4})
keyfile   {K1}
selector  s1
sender_map /etc/dkimproxy/sender_map
""", {"/etc/dkimproxy/sender_map":
          "example.org dkim(c=relaxed), dkim(s=s2,key={K2},c=relaxed/relaxed)"
          "\n"}, apart=extended, named=EXTENSION),
    Case("keys that it never found", PORTS + """
keyfile   {K1}
selector  s1
method    simple
sender_map /etc/dkimproxy/sender_map
""", {"/etc/dkimproxy/sender_map":
          "example.org dkim\n*@example.com dkim\nExample.NET dkim\n"
          "  tenant1.test dkim\n.tenant2.test dkim\n"},
         apart=extended,
         named=(*EXTENSION, r"\*@example\.com: DKIMproxy never found this key",
                r"Example\.NET: DKIMproxy never found this key",
                r"sender_map:4: tenant1\.test dkim: DKIMproxy passed over")),
    Case("an identity that is never used", PORTS + """
domain    example.org,example.com
identity  joe@example.org
keyfile   {K1}
selector  s1
""", named=(r"identity joe@example\.org\n\tnothing: ",)),
]
