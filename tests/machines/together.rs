//! Tests with several machines, on real ones: names and both protocols, what is not reached, a flood, a machine that dies,
//! one that reboots.

use std::process::Stdio;
use std::time::Duration;

use muster_engine::driver::{Driver, Live, Stop};
use muster_engine::engine::Images;
use muster_engine::plan::MachineSpec;
use muster_engine::segment;
use muster_qemu::driver::{HostImages, HostMachine};
use muster_record::outcome::Outcome;

use crate::clones::{ask, boot, freeze, host, lab_tiny, start_clone};
use crate::support::{Place, assert_outcome, finish, machines_below};

const LONG: Duration = Duration::from_secs(560);

/// What busybox serves and fetches. `port` is that of this host which no guest may reach.
fn suite(port: u16) -> String {
    format!(
        r#"schema: suite/v1
suite: together
vars: {{port: 8080}}
tests:
  - id: serves
    summary: what the server serves arrives at the client, by name and over both protocols
    machines: {{server: {{}}, client: {{}}}}
    steps:
      - {{run: "mkdir -p /srv", on: server}}
      - write: /srv/page
        content: "from the server\n"
        on: server
      - {{run: "httpd -p ${{port}} -h /srv", on: server}}
      - run: "wget -q -T 20 -O /tmp/page http://server:${{port}}/page"
        on: client
        eventually: 20s
      - {{run: "ping -c 2 server && ping -6 -c 2 server.ip6 && ping -c 1 client", on: client}}
      - {{run: "wget -q -T 20 -O /tmp/six http://server.ip6:${{port}}/page", on: client, eventually: 20s}}
      - {{run: "ping -c 1 client && ping -6 -c 1 client.ip6", on: server}}
    expect:
      server: {{port: {{"tcp/${{port}}": {{listening: true}}}}, file: {{/tmp/page: absent}}}}
      client: {{file: {{/tmp/page: {{content: {{line: from the server}}}}, /tmp/six: {{content: {{line: from the server}}}}}}}}
  - id: again
    summary: the chain keeps its machines, their network and what was done on them
    machines: {{server: {{}}, client: {{}}}}
    needs: [serves]
    steps:
      - {{run: "wget -q -T 20 -O - http://server:${{port}}/page", stdout: {{line: from the server}}, on: client}}
  - id: closed
    summary: nothing else is on the network, neither this host nor the machines of another test
    machines: {{one: {{}}, two: {{}}}}
    steps:
      - {{run: "ping -c 1 two", on: one}}
      - {{run: "ping -c 1 -W 3 10.53.77.3", exit: 1, on: one}}
      - {{run: "ip route get 10.53.77.2 | grep -q 'dev eth1'", on: one}}
      - {{run: "for host in 10.53.77.2 10.53.77.254 10.0.2.2; do nc -w 3 $host {port} </dev/null && exit 9; done; true", on: one}}
      - {{run: "wget -q -T 3 -O - http://10.53.77.1:${{port}}/page; test $? -ne 0", on: two}}
  - id: floods
    summary: a machine that floods the others takes neither them nor the runner along
    machines: {{loud: {{}}, quiet: {{}}, third: {{}}}}
    steps:
      - {{run: "nc -l -p 9 >/dev/null 2>&1 &", on: quiet}}
      - run: "for n in 1 2 3 4; do timeout 8 ping -i 0.001 -q -s 1400 10.53.77.3 >/dev/null 2>&1 & done; timeout 8 sh -c 'cat /dev/zero | nc quiet 9'; wait"
        exit: {{any-of: [0, 143]}}
        on: loud
      - {{run: "ping -c 2 third", on: quiet, eventually: 20s}}
  - id: fails
    summary: what fails names its machine
    machines: {{server: {{}}, client: {{}}}}
    steps: [{{run: "true", on: server}}]
    expect:
      client: {{file: {{/srv/nothing: {{type: file}}}}}}
"#
    )
}

#[test]
fn machines_of_one_test_reach_each_other_and_nobody_else() {
    let place = Place::new();
    // Whoever reaches this host would be answered here.
    let host = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = host.local_addr().expect("an address").port();
    let suite = place.write("together.yaml", &suite(port));
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--cpus", "1", "--jobs", "1"];
    let mut command = place.command(&words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let peak = peak_memory(child.id());
    finish(child, LONG).assert_status(1);
    let peak = peak.join().unwrap();
    assert!(peak < 400 << 10, "the runner took {peak} KiB");
    host.set_nonblocking(true).unwrap();
    assert!(host.accept().is_err(), "a guest reached this host");

    for id in ["serves", "again", "closed", "floods"] {
        assert_outcome(&place.test(&format!("together/{id}")), Outcome::Pass, &[]);
    }
    let serves = place.test("together/serves");
    let names: Vec<&str> = serves.machines.iter().map(|machine| machine.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), serves.machine.as_ref()),
        (["server", "client"].as_slice(), Some(&serves.machines[0].id))
    );
    assert_eq!(place.test("together/again").machines, serves.machines, "a chain keeps its machines");
    let fails = place.test("together/fails");
    assert_outcome(&fails, Outcome::Fail, &["file.type"]);
    assert!(fails.failures[0].message.starts_with("client: file /srv/nothing"), "{}", fails.failures[0].message);

    let record = place.record();
    // One boot, and a clone for each machine: two, two, three and two.
    let clones = record.machines.iter().filter(|machine| machine.cloned_from.is_some()).count();
    assert_eq!((record.machines.len(), clones), (10, 9), "{:?}", record.notices);
    for machine in serves.machines.iter().chain(&fails.machines) {
        assert!(place.path("run").join("machines").join(&machine.id).join("console.log").is_file(), "{}", machine.id);
    }
    assert!(machines_below(place.dir.path()).is_empty());
}

#[test]
fn a_machine_that_dies_is_named_and_the_next_test_has_new_ones() {
    let place = Place::new();
    let text = r#"schema: suite/v1
suite: dies
tests:
  - id: first
    summary: the server goes away while the client works
    machines: {server: {}, client: {}}
    steps:
      - {run: "(sleep 2; poweroff -f) >/dev/null 2>&1 &", on: server}
      - {run: "sleep 300", on: client}
  - id: second
    summary: nothing of that is left
    machines: {server: {}, client: {}}
    steps: [{run: "ping -c 1 server", on: client}]
"#;
    let suite = place.write("dies.yaml", text);
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--cpus", "1", "--jobs", "1"];
    place.run(&words, LONG).assert_status(3);
    let first = place.test("dies/first");
    assert_outcome(&first, Outcome::Error, &["machine.powered-off"]);
    assert!(first.failures[0].message.starts_with("server: "), "{}", first.failures[0].message);
    assert!(first.seconds < 200.0, "it ended with the machine, not with the step: {} s", first.seconds);
    assert_outcome(&place.test("dies/second"), Outcome::Pass, &[]);
}

#[test]
fn one_machine_reboots_while_the_other_stays_up() {
    let place = Place::new();
    let tests = r#"
  - id: server
    summary: it comes back with its addresses and the names of all, and without what was in its memory
    machines: {server: {}, client: {}}
    steps:
      - {run: "mkdir -p /run/srv && echo old >/run/srv/page && httpd -p 8080 -h /run/srv", on: server}
      - {run: "touch /run/mark && wget -q -T 20 -O - http://server:8080/page", stdout: {line: old}, on: client}
      - {reboot: soft, on: server}
      - {run: "test ! -e /run/srv && ping -c 1 client && ping -6 -c 1 client.ip6", on: server}
      - {run: "grep -c '# muster$' /etc/hosts", stdout: {line: "4"}, on: server}
      - {run: "! wget -q -T 5 -O - http://server:8080/page", on: client}
      - {run: "mkdir -p /run/srv && echo new >/run/srv/page && httpd -p 8080 -h /run/srv", on: server}
      - {run: "test -e /run/mark && wget -q -T 20 -O - http://server.ip6:8080/page", stdout: {line: new}, on: client}
    expect:
      server: {file: {/run/mark: absent}}
      client: {file: {/run/mark: {type: file}}}
  - id: after
    summary: the test that needs it has the same machines
    machines: {server: {}, client: {}}
    needs: [server]
    steps: [{run: "wget -q -T 20 -O - http://server:8080/page", stdout: {line: new}, on: client}]
"#;
    let suite = place.write("reboot.yaml", &crate::reboot::suite(":", ":", tests));
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--cpus", "1", "--jobs", "1"];
    place.run(&words, LONG).assert_status(0);
    let server = place.test("reboot/server");
    assert_outcome(&server, Outcome::Pass, &[]);
    let rebooted = |remark: &&String| remark.starts_with("server: soft reboot: settled again after ");
    assert_eq!(server.remarks.iter().filter(rebooted).count(), 1, "{:?}", server.remarks);
    assert!(!server.remarks.iter().any(|remark| remark.contains("client")), "{:?}", server.remarks);
    assert_eq!(place.test("reboot/after").machines, server.machines);
    assert_eq!(place.record().machines.len(), 3, "a template and two clones");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sets_of_machines_are_two_networks() {
    let place = Place::new();
    let (host, _stream) = host(&place).await;
    let images = HostImages::new(&host, [lab_tiny()]);
    let plain = images.prepare("lab-tiny").await.expect("the image is good");
    let driver = plain.with_spec(&MachineSpec { segment: true, ..MachineSpec::default() }).expect("a shape");
    let live = boot(&driver).await;
    let carrier = "ip link set eth1 up; cat /sys/class/net/eth1/carrier";
    assert_eq!(ask(&live, carrier).await, "0", "the cable is out");
    let template = freeze(&driver, live).await;
    let mut sets: Vec<Vec<HostMachine>> = Vec::new();
    for set in ["one", "two"] {
        let mut machines = Vec::new();
        for number in 0..2 {
            machines.push(start_clone(&driver, &template, &format!("{set}-{number}")).await);
        }
        driver.connect(&machines.iter().collect::<Vec<_>>()).expect("they have cables");
        for (at, live) in machines.iter().enumerate() {
            assert_eq!(ask(live, carrier).await, "0", "a clone's cable is out too");
            assert_eq!(ask(live, &segment::join(at, &["a", "b"])).await, "eth1 ipv6");
            live.plug(true).await.expect("QEMU puts it in");
            ask(live, &segment::confirm(at, "eth1")).await;
        }
        sets.push(machines);
    }
    // The second machine of the first set listens; whoever asks in the second set has its own `b`, which does not.
    for machines in &sets {
        ask(&machines[0], "ping -c 1 b && ping -6 -c 1 b.ip6").await;
    }
    ask(&sets[0][1], "mkdir -p /srv && echo first >/srv/page && httpd -p 80 -h /srv").await;
    assert_eq!(ask(&sets[0][0], "wget -q -T 20 -O - http://b/page").await, "first");
    ask(&sets[1][0], "! wget -q -T 5 -O - http://b/page").await;
    // Who looks for fifty addresses that nobody has sends at least as many frames that are for everybody. They reach the own
    // set only; the other one has a few of its own at any time.
    let received = "cat /sys/class/net/eth1/statistics/rx_packets";
    for live in [&sets[0][1], &sets[1][0]] {
        ask(live, &format!("{received} >/tmp/before")).await;
    }
    ask(&sets[0][0], "for n in $(seq 101 150); do ping -c 1 -W 1 10.53.77.$n >/dev/null & done; wait; true").await;
    let heard = format!("echo $(($({received}) - $(cat /tmp/before)))");
    let own: u32 = ask(&sets[0][1], &heard).await.parse().expect("a number");
    let other: u32 = ask(&sets[1][0], &heard).await.parse().expect("a number");
    assert!(own >= 50 && other < 20, "{own} in its own set, {other} in the other one");
    sets[1][1].plug(false).await.expect("QEMU pulls it out");
    ask(&sets[1][0], "! ping -c 1 -W 2 b").await;
    for live in sets.into_iter().flatten() {
        live.stop(Stop::Discard).await;
    }
}

/// The most memory of a process until it ends, in KiB.
fn peak_memory(pid: u32) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            // A process that has ended and was not waited for has no memory.
            let Some(kib) = kib else { break };
            peak = peak.max(kib);
            std::thread::sleep(Duration::from_millis(50));
        }
        peak
    })
}
