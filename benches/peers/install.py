#!/usr/bin/env python3
"""Installs the peers: from Debian with apt-get, from crates.io with cargo, from npm. Names each that could not be installed, and why.

    install.py [--cache FOLDER] [NAME ...]

What cargo and npm install goes into the folder (default: target/peers), nothing into the tree. apt-get needs root."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

import clients
import hosts

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Name: how it is installed, and the package with its version.
PEERS = {
    "wrk": ("apt", "wrk"),
    "hey": ("apt", "hey"),
    "h2load": ("apt", "nghttp2-client"),
    "nginx": ("apt", "nginx"),
    "nchan": ("apt", "libnginx-mod-nchan"),
    "oha": ("cargo", "oha@1.16.0"),
    "bun": ("npm", "bun@1.4.5"),
    "durable-streams": ("npm", "@durable-streams/server@0.3.7"),
}


def is_here(name, cache):
    places = {
        "nchan": hosts.NCHAN,
        "bun": hosts.bun(cache),
        "durable-streams": hosts.durable_streams(cache),
    }
    if name in places:
        return os.path.exists(places[name])
    if name == "nginx":
        return bool(shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin"))
    return clients.found(name, cache) is not None


def commands(kind, package, cache):
    if kind == "apt":
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        return [[*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends", package]]
    if kind == "cargo":
        return [["cargo", "install", "--locked", "--root", str(cache / "cargo"), package]]
    return [["npm", "install", "--no-fund", "--no-audit", "--prefix", str(cache / "npm"), package]]


def install(name, cache):
    """Why it could not be installed, or None."""
    kind, package = PEERS[name]
    if kind == "npm":
        (cache / "npm").mkdir(parents=True, exist_ok=True)
        if not (cache / "npm/package.json").exists():
            (cache / "npm/package.json").write_text(json.dumps({"private": True}))
    for command in commands(kind, package, cache):
        print("+", " ".join(command), flush=True)
        try:
            # The build of the peer is its own: nothing of this build's settings applies to it.
            environment = {key: value for key, value in os.environ.items() if not key.startswith("CARGO_PROFILE")}
            result = subprocess.run(command, capture_output=True, text=True, timeout=1800, env=environment, cwd=cache)
        except (OSError, subprocess.TimeoutExpired) as reason:
            return str(reason)
        if result.returncode:
            lines = (result.stderr or result.stdout).strip().splitlines()
            return lines[-1] if lines else f"status {result.returncode}"
    return None if is_here(name, cache) else "it was installed, but is not where it is looked for"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", default=str(ROOT / "target/peers"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(PEERS)}")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PEERS]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; these are known: {', '.join(PEERS)}")
    cache = pathlib.Path(options.cache).resolve()
    cache.mkdir(parents=True, exist_ok=True)
    left_out = {}
    for name in options.names or PEERS:
        if not is_here(name, cache):
            reason = install(name, cache)
            if reason:
                left_out[name] = reason
                continue
        print(f"{name}: installed")
    for name, reason in left_out.items():
        print(f"{name}: left out. {reason}")
    sys.exit(1 if left_out else 0)


if __name__ == "__main__":
    main()
