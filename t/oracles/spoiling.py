"""Signed messages, spoiled by one octet."""
import re

FROM = re.compile(rb"^From[ \t]*:(?:.|\r\n[ \t])*?@(?:mail\.)?example",
                  re.I | re.M)


def spoil(signed, rnd):
    """One octet of what every signature covers is changed: a letter of the
    body, or of the domain in From."""
    _, _, body = signed.partition(b"\r\n\r\n")
    begin = len(signed) - len(body)
    letters = [i for i in range(begin, len(signed))
               if chr(signed[i]).isalnum()]
    if not letters or rnd.random() < 0.4:
        letters = [FROM.search(signed).end() - 1]
    i = rnd.choice(letters)
    other = b"Q" if signed[i:i + 1] != b"Q" else b"Z"
    return signed[:i] + other + signed[i + 1:]
