#!/usr/bin/python3
import subprocess

subprocess.run(["dnf", "install", "x"])
