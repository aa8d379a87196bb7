#!/usr/bin/python3
"""HACKING's map of rooms names every file, and no file that is not there."""
import re

import source


def rooms_of(text):
    """room -> the words of its part of the map."""
    found = {}
    part = text.split("Rooms, files, RFCs", 1)[1]
    part = part.split("One message through the code", 1)[0]
    room = None
    for line in part.splitlines():
        head = re.match(r"([\w/]+)/\t", line)
        if head:
            room = head.group(1)
            found[room] = []
        elif room and line.startswith("\t"):
            found[room].append(line)
    return {room: "\n".join(lines) for room, lines in found.items()}


def first_names(text):
    """The names that a line of the map begins with: "undot, dot"."""
    for line in text.splitlines():
        names = re.match(r"\t([\w., ]+?)(\t|$)", line)
        if names:
            for name in re.split(r", ?", names.group(1)):
                yield name.removesuffix(".h")


def is_named(stem, told):
    """As itself, or as "_part" beside the name it is part of; what a room
    shares with itself alone need not be."""
    if stem.endswith("_private"):
        return True
    words = set(re.findall(r"\w+", told))
    cuts = [at for at, c in enumerate(stem) if c == "_"]
    return stem in words or any(
        stem[:at] in words and stem[at:] in words for at in cuts)


def main():
    root = source.top()
    rooms = rooms_of((root / "HACKING").read_text())
    complaints = []
    looked_at = 0
    for room in source.ROOMS:
        stems = {p.stem for p in source.files(root, places=(room,))
                 if str(p.parent) == room}
        looked_at += len(stems)
        told = rooms.get(room, "")
        for stem in sorted(stems):
            if not is_named(stem, told):
                complaints.append(f"HACKING:1: {room}/{stem} is not named")
        for name in first_names(told):
            if name not in stems:
                complaints.append(f"HACKING:1: {room}/{name} is not there")
    source.finish("map", looked_at, complaints)


main()
