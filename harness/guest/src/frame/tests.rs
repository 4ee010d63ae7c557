use super::*;

const A: Nonce = Nonce(*b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
const B: Nonce = Nonce(*b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");

fn begin(nonce: Nonce) -> Vec<u8> {
    [b"\x1e", &nonce.0[..], b"<\n"].concat()
}

fn begin_as(nonce: Nonce, pid: &str) -> Vec<u8> {
    [b"\x1e", &nonce.0[..], b"<", pid.as_bytes(), b"\n"].concat()
}

fn end(nonce: Nonce, status: &str) -> Vec<u8> {
    [b"\x1e", &nonce.0[..], b">", status.as_bytes(), b"\n"].concat()
}

fn whole(nonce: Nonce, output: &[u8], status: &str) -> Vec<u8> {
    [begin(nonce), output.to_vec(), end(nonce, status)].concat()
}

fn events(deframer: &mut Deframer) -> Vec<Event> {
    std::iter::from_fn(|| deframer.next_event()).collect()
}

fn frame(status: i32, stdout: &[u8], stderr: &[u8]) -> Frame {
    Frame { status, stdout: stdout.to_vec(), stderr: stderr.to_vec(), notes: Notes::default() }
}

#[test]
fn frames_come_apart_wherever_the_bytes_are_torn() {
    let out = [b"motd\n".to_vec(), whole(A, b"\x1eaaa\x00x", "7"), b"late".to_vec(), whole(B, b"", "0")].concat();
    let err = [whole(A, b"oops\x1e", ""), whole(B, b"e", "")].concat();
    for first in 0..=out.len() {
        for second in [first, (first + 1).min(out.len()), (first + 20).min(out.len())] {
            let mut deframer = Deframer::default();
            deframer.expect(A, 100);
            deframer.expect(B, 100);
            for part in [&out[..first], &out[first..second], &out[second..]] {
                deframer.feed(Stream::Out, part).unwrap();
            }
            for byte in &err {
                deframer.feed(Stream::Err, &[*byte]).unwrap();
            }
            let ended: Vec<_> = events(&mut deframer)
                .into_iter()
                .filter_map(|event| match event {
                    Event::Ended(number, frame) => Some((number, frame)),
                    _ => None,
                })
                .collect();
            assert_eq!(
                ended,
                [(0, frame(7, b"\x1eaaa\x00x", b"oops\x1e")), (1, frame(0, b"", b"e"))],
                "torn at {first}"
            );
            assert_eq!((deframer.stray(), deframer.stray_excerpt()), (9, "motd late".into()));
        }
    }
}

#[test]
fn markers_with_a_wrong_nonce_are_output() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 1000);
    let lie = whole(B, b"forged", "0");
    deframer.feed(Stream::Out, &whole(A, &lie, "1")).unwrap();
    deframer.feed(Stream::Err, &whole(A, b"", "")).unwrap();
    assert_eq!(events(&mut deframer), [Event::Begun(0, None), Event::Ended(0, frame(1, &lie, b""))]);
}

#[test]
fn the_nonce_without_its_mark_is_output() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 1000);
    deframer.feed(Stream::Out, &whole(A, &A.0, "0")).unwrap();
    deframer.feed(Stream::Err, &whole(A, b"", "")).unwrap();
    assert_eq!(events(&mut deframer), [Event::Begun(0, None), Event::Ended(0, frame(0, &A.0, b""))]);
}

#[test]
fn a_frame_without_its_marker_on_standard_error_does_not_end() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 100);
    deframer.feed(Stream::Out, &whole(A, b"x", "0")).unwrap();
    deframer.feed(Stream::Err, &begin(A)).unwrap();
    assert_eq!(events(&mut deframer), [Event::Begun(0, None)]);
    assert!(deframer.is_over(0));
    assert_eq!(deframer.abandon(0).stdout, b"x");
}

#[test]
fn the_process_number_is_reported_on_standard_output_only() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 10);
    deframer.feed(Stream::Out, &begin_as(A, "4194304")).unwrap();
    assert_eq!(events(&mut deframer), [Event::Begun(0, Some(4_194_304))]);
    assert!(deframer.feed(Stream::Err, &begin_as(A, "1")).is_err());
}

#[test]
fn a_frame_that_begins_inside_another_is_a_violation() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 100);
    deframer.expect(B, 100);
    let error = deframer.feed(Stream::Err, &[begin(A), begin(B)].concat()).unwrap_err();
    assert_eq!(error.to_string(), "the next command began before the end marker of this one was seen");
}

#[test]
fn a_status_that_is_no_number_is_a_violation() {
    for status in ["", "x", "-1", "+1", "256", "0x1", " 0", "99999", "1234567890123"] {
        let mut deframer = Deframer::default();
        deframer.expect(A, 100);
        let result = deframer.feed(Stream::Out, &whole(A, b"", status));
        assert!(result.unwrap_err().to_string().contains("a marker is damaged"), "{status:?}");
    }
    let mut deframer = Deframer::default();
    deframer.expect(A, 100);
    assert!(deframer.feed(Stream::Err, &whole(A, b"", "0")).is_err(), "a status on standard error");
}

#[test]
fn ends_before_begins_and_damaged_begins_are_violations() {
    for bytes in [
        end(A, "0"),
        begin_as(A, "x"),
        begin_as(A, "99999999999"),
        begin_as(A, "9999999999"),
        [begin(A), begin(A)].concat(),
    ] {
        let mut deframer = Deframer::default();
        deframer.expect(A, 100);
        assert!(deframer.feed(Stream::Out, &bytes).is_err(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_flood_is_reported_once_and_kept_to_its_limit() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 10);
    deframer.feed(Stream::Out, &begin(A)).unwrap();
    for _ in 0..1000 {
        deframer.feed(Stream::Out, &[b'y'; 4096]).unwrap();
    }
    deframer.feed(Stream::Out, &end(A, "137")).unwrap();
    deframer.feed(Stream::Err, &whole(A, b"1234567890", "")).unwrap();
    let expected = Event::Ended(0, frame(137, b"yyyyyyyyyy", b"1234567890"));
    assert_eq!(events(&mut deframer), [Event::Begun(0, None), Event::Overflow(0), expected]);
}

#[test]
fn a_frozen_frame_takes_no_more() {
    let mut deframer = Deframer::default();
    deframer.expect(A, 10);
    deframer.feed(Stream::Out, &[&begin(A)[..], b"ab"].concat()).unwrap();
    deframer.freeze(0);
    deframer.feed(Stream::Out, &[&b"cdefghijklmnop"[..], &end(A, "0")].concat()).unwrap();
    deframer.feed(Stream::Err, &whole(A, b"Killed", "")).unwrap();
    assert_eq!(events(&mut deframer), [Event::Begun(0, None), Event::Ended(0, frame(0, b"ab", b""))]);
}

#[test]
fn bytes_with_nothing_expected_are_stray_and_bounded() {
    let mut deframer = Deframer::default();
    deframer.feed(Stream::Out, &vec![RS; 100_000]).unwrap();
    deframer.feed(Stream::Err, b"x").unwrap();
    assert_eq!(deframer.stray(), 100_001);
    assert!(deframer.stray_excerpt().len() <= 310);
    deframer.expect(A, 1);
    deframer.feed(Stream::Out, &whole(A, b"", "3")).unwrap();
    deframer.feed(Stream::Err, &whole(A, b"", "")).unwrap();
    assert_eq!(events(&mut deframer), [Event::Begun(0, None), Event::Ended(0, frame(3, b"", b""))]);
}

#[test]
fn requests_quote_the_script_and_refuse_what_no_shell_reads() {
    let text = String::from_utf8(request(&A, "echo 'a'").unwrap()).unwrap();
    assert!(text.contains("; eval ' echo '\\''a'\\''\n') </dev/null\n"), "{text}");
    assert!(request(&A, "a\0b").unwrap_err().to_string().contains("NUL"));
    assert!(request(&A, &"x".repeat(MAX_SCRIPT + 1)).unwrap_err().to_string().contains("limit"));
    assert_eq!(Nonce::new([0xa5; 16]).digits(), "a5".repeat(16));
}

fn hint(nonce: Nonce, status: &str) -> Vec<u8> {
    [b"\x1e", &nonce.0[..], b"|", status.as_bytes(), b"\n"].concat()
}

#[test]
fn a_guarded_frame_ends_by_the_nonce_that_was_sent_after_its_hint_wherever_it_is_torn() {
    let out = [&begin(A)[..], b"out", &hint(A, "2"), b"\x1elate", &end(B, "2sh")].concat();
    let err = [&begin(A)[..], b"err", &hint(A, ""), b"x", &end(B, "")].concat();
    let hinted = out.len() - end(B, "2sh").len();
    for torn in 0..=out.len() {
        let mut deframer = Deframer::default();
        deframer.expect_guarded(A, 100);
        let mut seen = Vec::new();
        deframer.feed(Stream::Err, &err[..err.len() - end(B, "").len()]).unwrap();
        for part in [&out[..torn.min(hinted)], &out[torn.min(hinted)..hinted]] {
            deframer.feed(Stream::Out, part).unwrap();
        }
        seen.extend(events(&mut deframer));
        deframer.release(0, B);
        for part in [&out[hinted..torn.max(hinted)], &out[torn.max(hinted)..]] {
            deframer.feed(Stream::Out, part).unwrap();
        }
        deframer.feed(Stream::Err, &end(B, "")).unwrap();
        seen.extend(events(&mut deframer));
        let notes = Notes { unparsed: true, left_open: true, late_bytes: 6 };
        let ended = Frame { notes, ..frame(2, b"out", b"err") };
        assert_eq!(seen, [Event::Begun(0, None), Event::Hinted(0, 2), Event::Ended(0, ended)], "torn at {torn}");
    }
}

#[test]
fn a_command_that_imitates_its_own_markers_is_a_violation() {
    for lie in [&end(A, "0")[..], &[hint(A, "0"), hint(A, "7")].concat(), &[hint(A, "0"), end(A, "0")].concat()] {
        let mut deframer = Deframer::default();
        deframer.expect_guarded(A, 100);
        deframer.feed(Stream::Out, &begin(A)).unwrap();
        assert!(deframer.feed(Stream::Out, lie).is_err(), "{}", lie.escape_ascii());
    }
    let mut deframer = Deframer::default();
    deframer.expect(A, 100);
    assert!(deframer.feed(Stream::Out, &[begin(A), hint(A, "0")].concat()).is_err());
}

#[test]
fn the_nonce_of_a_guarded_end_is_not_in_what_the_command_can_read() {
    let lines = String::from_utf8(guarded(&A, "echo it\'s").unwrap()).unwrap();
    assert!(lines.contains("|%d") && !lines.contains(">%d"), "{lines}");
    let doubtful = String::from_utf8(release(&B, "echo it\'s", true)).unwrap();
    assert!(doubtful.contains(r"printf '%s\n' 'echo it'\''s' | /bin/sh -n"), "{doubtful}");
    assert!(!String::from_utf8(release(&B, "echo", false)).unwrap().contains("sh -n"));
}
