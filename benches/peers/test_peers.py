"""The parts of these scripts that need neither peers nor a network: python3 -m unittest discover benches/peers"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest
import unittest.mock

sys.dont_write_bytecode = True

import bench
import clients
import events
import generators
import hosts
import install
import intervals
import links
import load
import memory
import probe
import received
import summary
import templates

OUTPUTS = {
    "wrk": """Running 1s test @ http://127.0.0.1:18767/
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    68.21us  266.71us   4.38ms   98.04%
  99447 requests in 1.10s, 22.29MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:  90416.72
""",
    "oha": """{"summary": {"successRate": 1.0, "total": 1.0017}, "latencyPercentiles": {"p50": 0.000025368, "p99": 0.00043215},
"statusCodeDistribution": {"200": 500, "503": 2}, "errorDistribution": {"aborted due to deadline": 4, "Connection refused": 3}}""",
    "h2load": """Application protocol: http/1.1
finished in 1.00s, 200.00 req/s, 45.90KB/s
requests: 207 total, 207 started, 207 done, 200 succeeded, 3 failed, 4 errored, 0 timeout
""",
    "hey": """
Summary:
  Total:\t1.0022 secs

Latency distribution:
  50% in 0.0001 secs
  99% in 0.0002 secs

Status code distribution:
  [200]\t53188 responses
  [500]\t7 responses

Error distribution:
  [12]\tGet "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused
""",
}
PARSED = {
    "wrk": {"requests": 99447.0, "failed": 15.0, "seconds": 1.1},
    "oha": {"requests": 500.0, "failed": 5.0, "seconds": 1.0017, "p50": 0.000025368, "p99": 0.00043215},
    "h2load": {"requests": 200.0, "failed": 7.0, "seconds": 1.0},
    "hey": {"requests": 53188.0, "failed": 19.0, "seconds": 1.0022, "p50": 0.0001, "p99": 0.0002},
}


class Intervals(unittest.TestCase):
    def test_ranks_are_those_of_the_sign_test(self):
        for count, rank, confidence in ((6, 0, 0.9688), (8, 0, 0.9922), (9, 1, 0.9609), (15, 3, 0.9648), (20, 5, 0.9586), (30, 9, 0.9572)):
            values = [float(value) for value in range(count)]
            low, high, reached = intervals.interval(values[::-1])
            self.assertEqual((low, high), (values[rank], values[count - 1 - rank]), count)
            self.assertAlmostEqual(reached, confidence, places=4)

    def test_too_few_pairs_say_which_confidence_they_have(self):
        self.assertEqual(intervals.interval([3.0]), (3.0, 3.0, 0.0))
        low, high, reached = intervals.interval([3.0, 1.0, 2.0, 5.0, 4.0])
        self.assertEqual((low, high, reached), (1.0, 5.0, 0.9375))
        self.assertIsNone(intervals.interval([]))
        self.assertEqual(intervals.ratio_text(intervals.ratio([2.0] * 5, [1.0] * 5)), "2.00 (2.00 to 2.00) at 94 %")
        self.assertEqual(intervals.ratio_text(intervals.ratio([2.0] * 6, [1.0] * 6)), "2.00 (2.00 to 2.00)")

    def test_the_interval_covers_the_median_as_often_as_it_says(self):
        random, covered = bench.random.Random(7), 0
        for _ in range(2000):
            low, high, _ = intervals.interval([random.expovariate(1.0) for _ in range(20)])
            covered += low <= 0.6931 <= high
        self.assertTrue(1880 <= covered <= 1950, covered)

    def test_ratios_are_of_pairs_that_have_both(self):
        found = intervals.ratio([2.0, None, 6.0, 8.0], [1.0, 5.0, None, 2.0])
        self.assertEqual((found["median"], found["low"], found["high"], found["pairs"]), (3.0, 2.0, 4.0, 2))
        self.assertIsNone(intervals.ratio([None], [1.0]))
        self.assertEqual(intervals.ratio_text(None), "-")

    def test_a_quantile_is_a_value_that_was_measured(self):
        values = list(range(1, 101))
        self.assertEqual([intervals.quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)], [1, 50, 99, 100])
        self.assertEqual(intervals.quantile([7], 0.99), 7)
        self.assertIsNone(intervals.quantile([], 0.5))


class Peers(unittest.TestCase):
    def test_outputs_are_read_as_the_programs_print_them(self):
        for name, text in OUTPUTS.items():
            self.assertEqual(clients.parsed(name, text), PARSED[name], name)

    def test_an_output_without_figures_is_a_failure_that_shows_it(self):
        for name in clients.NAMES:
            with self.assertRaises(bench.Failed, msg=name) as caught:
                clients.parsed(name, "cannot connect to 127.0.0.1")
            self.assertIn("cannot connect", str(caught.exception))

    def test_the_log_of_h2load_has_the_latencies(self):
        text = "".join(f"17958844636{row:05}\t200\t{row}\n" for row in range(1, 101)) + "1795884463658\t-1\t9999\n"
        self.assertEqual(clients.h2load_log(text), {"p50": 50e-6, "p99": 99e-6})
        self.assertEqual(clients.h2load_log(""), {})

    def test_rates_are_given_as_each_program_counts_them(self):
        offered = clients.Load("http://127.0.0.1:1/", 50, 4.0, rate=1000.0)
        words = {name: clients.command(name, name, offered) for name in ("oha", "h2load", "hey")}
        self.assertEqual(words["oha"][words["oha"].index("-q") + 1], "1000")
        self.assertEqual(words["h2load"][words["h2load"].index("--rps") + 1], "20")
        self.assertEqual(words["hey"][words["hey"].index("-q") + 1], "20")
        self.assertFalse(clients.can("wrk", offered))

    def test_only_those_that_speak_it_are_asked_for_http2(self):
        offered = clients.Load("http://127.0.0.1:1/", 8, 2.0, streams=16)
        self.assertEqual([name for name in clients.NAMES if clients.can(name, offered)], ["oha", "h2load"])

    def test_a_figure_per_request(self):
        figures = clients.per_request(1000.0, 0.5, 2.0)
        self.assertEqual(figures, {"cpu": 0.0005, "per_cpu": 2000.0, "rate": 500.0})
        for requests, cpu in ((0, 1.0), (1, 0.0)):
            with self.assertRaises(bench.Failed):
                clients.per_request(requests, cpu, 1.0)

    def test_every_peer_of_a_table_can_be_installed(self):
        self.assertLessEqual({*clients.NAMES, *events.SERVERS, "nginx"}, set(install.PEERS))
        self.assertTrue(all(kind in ("apt", "cargo", "npm") for kind, _ in install.PEERS.values()))
        with tempfile.TemporaryDirectory() as cache:
            self.assertFalse(any(install.is_here(name, cache) for name in ("bun", "durable-streams")))


class Scenarios(unittest.TestCase):
    def test_requests(self):
        closed = tomllib.loads(load.requests_scenario(clients.Load("http://127.0.0.1:81/chunked", 64, 2.0)))
        self.assertEqual(closed["request"]["loop"], "closed")
        self.assertEqual(closed["target"]["url"], "http://127.0.0.1:81")
        self.assertEqual(closed["target"]["request"][0]["request"], "GET /chunked")
        shared = tomllib.loads(load.requests_scenario(clients.Load("http://127.0.0.1:81/", 8, 2.0, streams=16)))
        self.assertEqual((shared["workload"]["clients"], shared["transport"]), (128, {"http": "2", "streams": 16}))
        opened = tomllib.loads(load.requests_scenario(clients.Load("http://127.0.0.1:81/", 50, 4.0, rate=1000.0), "constant"))
        self.assertEqual((opened["request"]["rate"], opened["request"]["arrivals"]), ("1000/s", "constant"))

    def test_events(self):
        offered = events.Load()
        for name, (_, dialect, tables, patterns) in events.SERVERS.items():
            for pattern in patterns:
                text = offered.scenario(pattern) + events.TARGET.format(dialect=dialect, port=81, pid=7) + tables
                scenario = tomllib.loads(text)
                self.assertEqual(scenario["target"]["process"]["pid"], 7, name)
                self.assertEqual(scenario["patterns"], [pattern])
        for pattern in received.PATTERNS:
            text = received.scenario(pattern, 1, 2.0, 1.5)
            self.assertEqual(tomllib.loads(text)["patterns"], [pattern])
        tomllib.loads(memory.scenario("sse", 1))

    @unittest.skipUnless("TIDINGS" in os.environ, "TIDINGS does not name the binary")
    def test_every_scenario_is_one_that_tidings_accepts(self):
        texts = {}
        for load_of in (
            clients.Load("http://127.0.0.1:81/chunked", 64, 2.0), clients.Load("http://127.0.0.1:81/", 8, 2.0, streams=16),
            clients.Load("http://127.0.0.1:81/", 50, 4.0, rate=1000.0),
            clients.Load("http://127.0.0.1:81/", 50, 4.0, rate=1000.0, body='{"data":"x"}'),
        ):
            texts[f"requests {len(texts)}"] = load.requests_scenario(load_of)
        offered = events.Load()
        servers = {name: (dialect, tables, patterns) for name, (_, dialect, tables, patterns) in events.SERVERS.items()}
        servers["tidings"] = ("", events.TIDINGS, ("websocket", "sse"))
        for name, (dialect, tables, patterns) in servers.items():
            for pattern in patterns:
                target = events.TARGET.format(dialect=dialect, port=81, pid=os.getpid())
                texts[f"{name}, {pattern}"] = offered.scenario(pattern) + target + tables
        texts["null target"] = offered.scenario("websocket", floor=True)
        for pattern in received.PATTERNS:
            for topics, arrivals in ((1, "constant"), ("per-client", "poisson")):
                texts[f"received, {pattern}, {topics}"] = received.scenario(pattern, 10, 20.0, 1.5, topics, arrivals)
            texts[f"memory, {pattern}"] = memory.scenario(pattern, 10)
        for name, text in texts.items():
            plan = subprocess.run([os.environ["TIDINGS"], "plan", "-"], input=text, capture_output=True, text=True, timeout=60)
            self.assertEqual(plan.returncode, 0, f"{name}: {plan.stdout}{plan.stderr}\n{text}")

    def test_a_cell_that_is_no_number_is_no_figure(self):
        row = {"a": "2.5", "b": "", "c": ">17"}
        self.assertEqual([load.value(row, name, 2.0) for name in "abcd"], [5.0, None, None, None])

    def test_nginx_is_told_the_same_body_for_every_answer(self):
        plain = hosts.PLAIN.format(listen="listen 81;", body=hosts.BODY)
        self.assertEqual((len(hosts.BODY), plain.count(hosts.BODY)), (81, 3))
        self.assertIn(plain, templates.nginx(plain))
        own = events.nchan_configuration(81)
        self.assertTrue(own.startswith("load_module ") and own.count("{") == own.count("}"))


class Running(unittest.TestCase):
    def options(self, *words):
        return bench.arguments("a test").parse_args(["--pairs", "4", *words])

    def test_each_round_runs_every_program_once_in_a_seeded_order(self):
        def order(seed):
            seen = []
            programs = {name: lambda name=name: seen.append(name) or {"cpu": 1.0} for name in "abcd"}
            found = bench.rounds(self.options("--seed", seed), programs)
            self.assertEqual([len(rows) for rows in found.values()], [4] * 4)
            self.assertTrue(all(set(seen[at : at + 4]) == set("abcd") for at in range(0, 16, 4)))
            return seen
        self.assertEqual(order("1"), order("1"))
        self.assertNotEqual(order("1"), order("2"))

    def test_what_fails_is_named_and_leaves_no_figure(self):
        calls = []

        def fails():
            calls.append(1)
            raise bench.Failed("it is not there")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            found = bench.rounds(self.options(), {"a": lambda: {"cpu": 2.0}, "b": fails})
            bench.table(("title", "program"), found, "a", [("CPU", "cpu", str)], [("ratio", "cpu")])
        self.assertEqual((found["b"], len(calls)), ([None] * 4, 3))
        self.assertIn("b: no figures in 4 of 4 rounds. it is not there", printed.getvalue())
        self.assertEqual(printed.getvalue().splitlines()[-2:], ["a        2.0      1", "b          -      -"])

    def test_a_childs_time_is_counted_and_the_child_ended(self):
        looks, burn = [], "import time\nwhile time.process_time() < 0.2: pass\nprint('done')"
        core = min(bench.os.sched_getaffinity(0))
        output, cpu, wall, status = bench.measured(core, [sys.executable, "-c", burn], 60, looks.append)
        self.assertEqual((output, status), ("done\n", 0))
        self.assertGreaterEqual(cpu, 0.19)
        self.assertGreaterEqual(wall, 0.19)
        self.assertTrue(looks)
        with self.assertRaises(bench.Failed):
            bench.measured(core, ["sleep", "600"], 0.1)
        self.assertEqual(bench.CHILDREN, [])

    def test_a_family_is_a_process_and_its_descendants(self):
        core = min(bench.os.sched_getaffinity(0))
        child = bench.start(core, ["sh", "-c", "sleep 600 & wait"])
        try:
            until = time.monotonic() + 60
            while len(bench.family(child.pid)) < 2 and time.monotonic() < until:
                time.sleep(0.01)
            members = bench.family(child.pid)
            self.assertEqual((len(members), members[0]), (2, child.pid))
            self.assertGreater(bench.memory_of(members), 0)
        finally:
            bench.end(child)
        self.assertFalse(any(pathlib.Path(f"/proc/{member}").exists() for member in members[:1]))

    def test_the_busiest_window_is_found(self):
        samples = [(at / 10, min(max(at - 10, 0), 20) / 20) for at in range(51)]
        self.assertAlmostEqual(load.busiest(samples, 2.0), 0.5)
        self.assertIsNone(load.busiest(samples[:3], 2.0))
        self.assertIsNone(load.busiest([], 2.0))

    def test_a_rate_is_in_time_if_all_was_sent_with_little_slip(self):
        fine = {"failed": 0.0, "slip_p99": 190e-6, "requests": 995.0, "scheduled": 1000.0, "response_p50": 1e-3}
        self.assertTrue(generators.is_in_time(fine))
        self.assertTrue(generators.is_in_time(fine | {"slip_p99": 400e-6, "response_p50": 9e-3}))
        for worse in ({"failed": 1.0}, {"slip_p99": 210e-6}, {"slip_p99": None}, {"requests": 985.0}):
            self.assertFalse(generators.is_in_time(fine | worse), worse)

    def test_raw_figures_are_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            raw = bench.Pairs(f"{folder}/raw.csv")
            raw.add("closed", {"wrk": [{"cpu": 1.5, "p99": None}, None]})
            raw.write()
            lines = pathlib.Path(f"{folder}/raw.csv").read_text().splitlines()
        self.assertEqual(lines, ["table,round,program,figure,value", "closed,1,wrk,cpu,1.5"])

    def test_unknown_tables_are_refused_with_those_that_are_known(self):
        with self.assertRaises(SystemExit) as caught:
            bench.wanted(self.options("--only", "closed,nonsense"), {"closed": None, "many": None})
        self.assertEqual(str(caught.exception), "no table is called nonsense; these are: closed, many")


class Summary(unittest.TestCase):
    def test_lines_pair_the_rounds_of_each_file_and_say_what_they_decide(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, (ours, theirs) in enumerate(((2.0, 1.0), (3.0, 2.0))):
                raw = bench.Pairs(f"{folder}/{number}.csv")
                rounds_of = {"tidings": ours, "wrk": theirs, "tidings before": 1.0}
                raw.add("closed", {name: [{"per_cpu": value}] * 3 + [None] for name, value in rounds_of.items()})
                raw.write()
                paths.append(raw.path)
            found = summary.read(paths)
        rows = list(summary.rows(summary.generators(), found))
        now, earlier = "1.75 (1.50 to 2.00)", "0.75 (0.50 to 1.00)"
        self.assertEqual(rows, [["closed loop: requests per CPU second ÷ wrk", earlier, now, "≥ 1.10", "6", "met"]])

    def test_a_goal_is_decided_by_the_whole_interval(self):
        for goal, low, high, said in (
            (("≥", 1.1), 1.1, 1.3, "met"), (("≥", 1.1), 1.0, 1.2, "open"), (("≥", 1.1), 0.9, 1.0, "missed"),
            (("≤", 1.1), 1.0, 1.1, "met"), (("≤", 1.1), 1.0, 1.2, "open"), (("≤", 1.1), 1.2, 1.3, "missed"),
            (("≈", 1.0), 0.9, 1.1, "met"), (("≈", 1.0), 1.1, 1.2, "missed"), (None, 0.0, 1.0, ""),
        ):
            self.assertEqual(summary.verdict(goal, {"low": low, "high": high}), said, (goal, low, high))

    def test_every_line_has_a_counterpart_before(self):
        for line in (*summary.generators(), *summary.servers()):
            self.assertNotEqual(summary.before(line)["ours"], line["ours"], line["what"])


class Links(unittest.TestCase):
    def test_a_poll_asks_again_for_what_follows_the_answer(self):
        held = links.Links(81, "/topics/news-0/events?since=0&wait=60s", "long-poll")
        with unittest.mock.patch.object(time, "sleep"):
            held.again(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{"next":"0-a"}')
            self.assertIn(b"GET /topics/news-0/events?since=0-a&wait=60s HTTP/1.1\r\n", held.request)
            held.again(b"HTTP/1.1 200 OK\r\nLast-Modified: then\r\nEtag: 5\r\n\r\n")
            self.assertIn(b"If-Modified-Since: then\r\nIf-None-Match: 5\r\n", held.request)
        held.close()

    def test_more_links_than_descriptors_are_refused(self):
        with self.assertRaises(bench.Failed):
            links.allow(1 << 40)


class Probe(unittest.TestCase):
    def test_a_document_is_read_by_its_names(self):
        row = {"answered": 1990, "failed": 10, "slip_ns_p99": 20_000.0, "verdict": "valid", "verdict_reasons": []}
        percentiles = [
            {"metric": "response", "quantile": 0.5, "value_ns": 1_500_000.0}, {"metric": "response", "quantile": 0.999, "value_ns": ">7"},
            {"metric": "response", "quantile": 1.0, "value_ns": 2e9}, {"metric": "service", "quantile": 0.5, "value_ns": 1.0},
        ]
        document = {"trials": [{"measured_s": 10.0, "trial": row, "percentiles": percentiles}]}
        figures = probe.probed("tidings: warning: x {y}\n" + json.dumps(document, indent=2) + "\ntidings: invalid: late")
        self.assertEqual((figures["p50"], figures["max"], figures["failed"]), (0.0015, 2.0, 10.0))
        self.assertNotIn("p99.9", figures, "a bound is no value")
        for text in ("", "{\n}", "no"):
            with self.assertRaises(bench.Failed):
                probe.probed(text)

    def test_latencies_of_the_peers_are_read_in_seconds(self):
        text = "    Latency   402.52us   60.53us   2.83s    90.60%\n  Latency Distribution\n     50%  393.00us\n     99%    1.63s \n"
        self.assertEqual(probe.wrk_latencies(text), {"p50": 393 * 1e-6, "p99": 1.63, "max": 2.83})
        report = {"latencyPercentiles": {"p50": 0.1, "p99.9": None}, "summary": {"slowest": 0.7}}
        self.assertEqual(probe.oha_latencies(json.dumps(report)), {"p50": 0.1, "max": 0.7})

    def test_theory_of_a_freeze_is_that_of_every_request(self):
        rate, seconds, froze = 200, 10, 1.0
        due = [(number + 0.5) / rate for number in range(rate * seconds)]
        waits = sorted(max(0.0, 5.0 - at) if at >= 4.0 else 0.0 for at in due)
        expected = probe.theory(rate, seconds, froze)
        for name, index in (("p50", 999), ("p99", 1979), ("max", 1999)):
            self.assertAlmostEqual(expected[name], waits[index], delta=0.01)


class Documentation(unittest.TestCase):
    def test_the_readme_names_every_table_and_script(self):
        text = (bench.HERE / "README.md").read_text()
        for name in ("closed", "headers", "chunked", "open", "peak", "http2", "many", "freeze", "item", "poll", "fanout", "webhook"):
            self.assertIn(f"| `{name}` |", text)
        for script in ("install", "generators", "servers", "received", "memory", "freshness", "tail", "probe", "summary"):
            self.assertIn(f"{script}.py", text)


class Rounds(unittest.TestCase):
    def measured(self, budget):
        options = argparse.Namespace(seed=1, pairs=5, budget=budget, lock=None)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            found = bench.rounds(options, {"a": lambda: {"x": 1}, "b": lambda: {"x": 2}})
        return found, said.getvalue()

    def test_after_the_budget_no_round_begins_and_the_table_says_so(self):
        found, said = self.measured(1e-9)
        self.assertEqual(found, {"a": [{"x": 1}], "b": [{"x": 2}]})
        self.assertIn("1 of 5 rounds", said)

    def test_without_a_budget_there_are_as_many_rounds_as_asked_for(self):
        found, said = self.measured(None)
        self.assertEqual((len(found["a"]), len(found["b"]), said), (5, 5, ""))


if __name__ == "__main__":
    unittest.main()
