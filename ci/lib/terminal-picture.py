#!/usr/bin/env python3
"""Draws the output of a command as an SVG of a terminal: what a reader sees is text that was printed.

usage: ci/lib/terminal-picture.py TITLE <output.txt >docs/pictures/NAME.svg

Lines that begin with `$ ` are commands. The first word of a line gives it its colour, as muster's own output has.
"""
import html
import sys

COLUMN, LINE, LEFT, TOP = 7.83, 19, 18, 56  # pixels; 13 px monospace
COLOURS = {"PASS": "#7ee787", "UP": "#79c0ff", "FAIL": "#ff7b72", "ERROR": "#ff7b72", "KNOWN": "#e3b341", "note:": "#8b949e"}


def spans(line):
    """The line as SVG text: a coloured first word, or a whole line in one colour."""
    if line.startswith("$ "):
        return f'<tspan fill="#8b949e">$ </tspan><tspan fill="#f0f6fc" font-weight="bold">{html.escape(line[2:])}</tspan>'
    first, _, rest = line.partition(" ")
    colour = COLOURS.get(first)
    if first == "note:":
        return f'<tspan fill="{colour}">{html.escape(line)}</tspan>'
    if colour:
        return f'<tspan fill="{colour}" font-weight="bold">{html.escape(first)}</tspan> {html.escape(rest)}'
    return html.escape(line)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    lines = sys.stdin.read().rstrip("\n").split("\n")
    width = int(max(len(line) for line in lines) * COLUMN) + 2 * LEFT
    height = TOP + LINE * len(lines)
    title = html.escape(sys.argv[1])
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">')
    print(f"<title>{title}</title>")
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>')
    for at, colour in enumerate(["#ff5f57", "#febc2e", "#28c840"]):
        print(f'<circle cx="{22 + 20 * at}" cy="20" r="6" fill="{colour}"/>')
    print('<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="#c9d1d9" xml:space="preserve">')
    for at, line in enumerate(lines):
        if line:
            print(f'<text x="{LEFT}" y="{TOP + LINE * at}">{spans(line)}</text>')
    print("</g>")
    print("</svg>")


main()
