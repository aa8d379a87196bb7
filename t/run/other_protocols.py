"""Whoever speaks no SMTP is disconnected, so that nobody can have a browser
or a web application send mail to us: curl, Chromium's fetch(), TLS; and what
real clients of SMTP send, however leniently, is taken."""

import http.server
import subprocess
import tempfile
import threading

import harness
from harness import SAMPLE

SMTP = (b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n"
        b"DATA\r\n" + SAMPLE + b".\r\nQUIT\r\n")

PAGE = """<!doctype html><title>x</title><p id=p>waiting<script>
const smtp = %r;
const to = (url, type) => fetch(url, {method: "POST", mode: "no-cors",
    headers: {"Content-Type": type}, body: smtp}).catch(() => 0);
Promise.all([to("http://127.0.0.1:%d/", "text/plain"),
    to("https://127.0.0.1:%d/", "text/plain")])
    .then(() => { document.getElementById("p").textContent = "done"; });
</script>"""


def run(*words, **options):
    return subprocess.run(words, timeout=400, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, **options)


class Other(harness.Case):
    def setUp(self):
        self.hop = self.relay()
        self.daemon = self.signpost(self.hop)

    def tearDown(self):
        self.assertEqual(self.hop.messages, [])
        self.assertEqual(self.hop.said("MAIL"), 0)

    def refused(self, what):
        return self.daemon.wait_log(
            r"client 127\.0\.0\.1 speaks no SMTP \(%s" % what)

    def test_curl(self):
        url = "//127.0.0.1:%d/" % self.daemon.port
        for words in (("--data-binary", "@-"), ("-T", "-"),
                      ("-F", "mail=@-"), ("-X", "EHLO", "--data-binary", "@-"),
                      ("--http2-prior-knowledge", "--data-binary", "@-")):
            done = run("curl", "-s", "-m", "20", "--http0.9", *words,
                       "http:" + url, input=SMTP)
            self.assertNotIn(b"354", done.stdout)
        done = run("curl", "-sk", "-m", "20", "https:" + url, input=SMTP)
        self.assertNotEqual(done.returncode, 0)
        self.refused("an HTTP request")
        # `-X EHLO` gets past the first line, and not past the second. All
        # came from one client within a minute.
        self.assertEqual(len(self.daemon.lines("speaks no SMTP")), 1)

    def test_tls(self):
        run("openssl", "s_client", "-connect",
            "127.0.0.1:%d" % self.daemon.port, input=b"")
        self.refused("an octet that begins no command")

    def test_what_a_browser_sends(self):
        page = (PAGE % (SMTP.decode(), self.daemon.port,
                        self.daemon.port)).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            done = run(
                "chromium", "--headless", "--no-sandbox", "--disable-gpu",
                "--no-first-run", "--disable-background-networking",
                "--user-data-dir=" + home, "--virtual-time-budget=20000",
                "--dump-dom", "http://127.0.0.1:%d/" % server.server_port)
        self.assertIn(b"<p id=\"p\">done", done.stdout)
        self.refused("an HTTP request|an octet that begins no command")

    def test_lines_of_other_protocols(self):
        for line in (b"GET / HTTP/1.0\r\n", b"PRI * HTTP/2.0\r\n",
                     b"USER anonymous\r\n", b"SSH-2.0-x\r\n", b"{\"a\":1}",
                     b"\x16\x03\x01", b"\r\n\r\nPOST / HTTP/1.1\r\n",
                     b"GET / HTTP/1.0\nMAIL FROM:<a@b>\n\r\n",
                     b"NOOP\r\nHost: x\r\n", b"EHLO x\r\nPOST / HTTP/1.1\r\n",
                     b"GET /" + b"x" * 5000 + b"\r\n"):
            client = self.daemon.client()
            client.send(line + b"MAIL FROM:<a@example.org>\r\n")
            codes = []
            try:
                while not codes or codes[-1] != 421:
                    codes.append(client.reply().code)
            except harness.Gone:
                pass
            self.assertEqual(codes[-1], 421, line)
            self.assertTrue(client.gone())


class Lenient(harness.Case):
    def test_what_real_clients_send(self):
        hop = self.relay()
        daemon = self.signpost(hop)
        for lines in (
                ("EHLO client.example", "MAIL FROM: <a@example.org>",
                 "RCPT TO: <b@example.net>"),
                ("helo client.example", "mail from:<a@example.org>",
                 "rcpt to:<b@example.net>"),
                ("NOOP", "RSET", "VRFY b", " EHLO x",
                 " MAIL FROM:<a@example.org>  ", "\tRCPT TO:<b@example.net>"),
                ("HELP", "EXPN b", "STARTTLS", "AUTH PLAIN", "XCLIENT NAME=x",
                 "LHLO x", "MAIL FROM:<a@example.org>", "", "EHLO [127.0.0.1]",
                 "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.net>")):
            client = daemon.client()
            for line in lines:
                code = client.command(line).code
                self.assertNotEqual(code, 421, line)
            self.assertEqual(code, 250)
            self.assertEqual(client.command("DATA").code, 354)
            self.assertEqual(client.body(SAMPLE).code, 250)
            self.assertEqual(client.quit().code, 221)
        self.assertEqual(len(hop.messages), 4)
        self.assertEqual(daemon.lines("speaks no SMTP"), [])

    def test_out_of_turn_and_empty(self):
        client = self.signpost(self.relay()).client()
        for line, code in (("", 500), ("MAIL FROM:<a@b>", 503), ("HELP", 502),
                           ("STARTTLS", 502), ("LHLO x", 502), ("what", 502),
                           (" ", 500)):
            self.assertEqual(client.command(line).code, code, line)


if __name__ == "__main__":
    harness.main()
