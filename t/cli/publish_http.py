#!/usr/bin/python3
"""signpost-publish(7): its command for a provider's HTTP API, against one."""
import http.server
import json
import os
import subprocess
import threading
import unittest

import tool  # first: it finds t/lib
import manual

NAME = "m202611r._domainkey.example.org"
TOKEN = "a-token-of-the-account"


class Provider(http.server.BaseHTTPRequestHandler):
    """Keeps records; refuses who has no token."""

    def do_POST(self):
        record = json.loads(self.rfile.read(
            int(self.headers["Content-Length"])))
        known = self.server.records
        if self.headers["Authorization"] != "Bearer " + TOKEN:
            self.answer(401, "who are you?")
        elif self.command == "POST":
            if record not in known:
                known.append(record)
            self.answer(201, "there")
        else:
            known[:] = [r for r in known if r != record]
            self.answer(200, "gone")

    do_DELETE = do_POST

    def answer(self, status, text):
        self.server.paths.append(self.path)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Api(tool.Case):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Provider)
        self.server.records, self.server.paths = [], []
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        text = manual.script("signpost-publish.7",
                             "BY A PROVIDER'S HTTP API")
        for theirs, ours in (
                ("https://dns.example.net", "http://127.0.0.1:%d" %
                 self.server.server_port),
                ("/etc/signpost/api.token", self.path("token"))):
            self.assertIn(theirs, text)
            text = text.replace(theirs, ours)
        self.command = self.write("publish", text)
        os.chmod(self.command, 0o755)
        self.write("token", TOKEN + "\n")

    def publish(self, *arguments):
        done = subprocess.run(
            [self.command, *arguments], env={"PATH": "/usr/bin:/bin",
                                             "LC_ALL": "C", "HOME": "/"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd="/", timeout=400, check=False)
        return done.returncode, done.stdout.decode()

    def test_records_come_and_go(self):
        for text in ("v=DKIM1; k=rsa; p=" + "MIIB" * 100,
                     'a "b" \\ $(id) `id` %s'):
            for _ in range(2):
                self.assertEqual(
                    self.publish("add", NAME, "3600", "TXT", text)[0], 0)
                self.assertEqual(self.server.records, [{
                    "name": NAME, "type": "TXT", "ttl": 3600,
                    "content": text}])
            for _ in range(2):
                self.assertEqual(
                    self.publish("remove", NAME, "3600", "TXT", text)[0], 0)
                self.assertEqual(self.server.records, [])
        self.assertEqual(set(self.server.paths),
                         {"/v1/zones/example.org/records"})

    def test_a_refusal_is_told(self):
        self.write("token", "another\n")
        status, said = self.publish("add", NAME, "60", "TXT", "x")
        self.assertNotEqual(status, 0)
        self.assertIn("who are you?", said)
        self.assertIn("401", said)
        os.unlink(self.path("token"))
        self.assertNotEqual(self.publish("add", NAME, "60", "TXT", "x")[0], 0)
        self.assertEqual(self.publish("what", NAME, "60", "TXT", "x")[0], 64)
        self.assertEqual(self.server.records, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
