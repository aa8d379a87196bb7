"""Where an oracle is wrong, settled by the RFC."""

# Disagreements, judged: (oracle, type of signature, trait of the message that
# raises it, why the oracle is wrong). They excuse the oracle's verdict, never
# ours: what it has signed must pass here whatever the traits.
OBSOLETE = (
    "RFC 5322 section 4.5 has white space before the colon, and RFC 6376 "
    "section 3.4.2 says what to do with it: deleted by relaxed, kept by "
    "simple. %s takes such a field for no field, or for another one")
JUDGED = [
    ("dkimpy", "dkim", "space-before-colon", OBSOLETE % "dkimpy"),
    ("dkimpy", "dkim", "tab-before-colon", OBSOLETE % "dkimpy"),
    ("opendkim", "dkim", "tab-before-colon", OBSOLETE % "libopendkim"),
    ("mail-dkim", "domainkeys", "folded-from",
     "RFC 5322 section 3.2.2 lets From be folded anywhere between words; "
     "Mail::DKIM looks for the sender's address on the first line alone and "
     "finds none (its regular expression stops at the line end)"),
]


def is_judged(oracle, kind, traits):
    """May that oracle say no to a good signature of a message with these
    traits?"""
    return any(name == oracle and of == kind and trait in traits
               for name, of, trait, _why in JUDGED)
