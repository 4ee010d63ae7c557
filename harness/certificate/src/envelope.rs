//! The envelope around a statement (DSSE 1.0, github.com/secure-systems-lab/dsse). What is signed is not the file but the
//! payload with its type and both lengths, so that nothing can be read in two ways.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::sshsig::SshSignature;

/// The type of a payload that is a statement of in-toto.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// An envelope with one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    payload_type: String,
    payload: String,
    signatures: Vec<WrittenSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSignature {
    keyid: String,
    sig: String,
}

/// What is in an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The bytes of the statement.
    pub payload: Vec<u8>,
    /// The signature of [`pae`].
    pub signature: SshSignature,
}

/// Why a text is no envelope of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEnvelope {
    /// It is not the JSON of one.
    #[error("line {line}: {why}")]
    Json {
        /// From 1.
        line: usize,
        /// What the reader says.
        why: String,
    },
    /// Another type, no signature, several signatures, or base64 that is none.
    #[error("it is no envelope of {PAYLOAD_TYPE} with one SSH signature")]
    Other,
    /// It is one, and other bytes would be the same.
    #[error("it is not written as muster writes it")]
    Form,
}

/// The bytes that are signed: DSSE's pre-authentication encoding.
pub fn pae(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    /// The file, with a newline at its end.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        let written = Written {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(&self.payload),
            signatures: vec![WrittenSignature {
                keyid: self.signature.fingerprint.clone(),
                sig: STANDARD.encode(&self.signature.blob),
            }],
        };
        serde_json::to_string_pretty(&written).map(|text| text + "\n")
    }

    /// Reads one. Only what [`Self::render`] writes is one: no byte of the file may be another.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, NoEnvelope> {
        let broken = |error: serde_json::Error| NoEnvelope::Json {
            line: error.line().max(1),
            why: muster_base::text::one_line(&error.to_string(), 200),
        };
        let written: Written = serde_json::from_str(text).map_err(broken)?;
        let [signature] = written.signatures.as_slice() else { return Err(NoEnvelope::Other) };
        if written.payload_type != PAYLOAD_TYPE {
            return Err(NoEnvelope::Other);
        }
        let payload = STANDARD.decode(&written.payload).map_err(|_| NoEnvelope::Other)?;
        let blob = STANDARD.decode(&signature.sig).map_err(|_| NoEnvelope::Other)?;
        let envelope = Self { payload, signature: SshSignature::parse(&blob).map_err(|_| NoEnvelope::Other)? };
        match envelope.render() {
            Ok(again) if again == text => Ok(envelope),
            _ => Err(NoEnvelope::Form),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let expected = b"DSSEv1 28 application/vnd.in-toto+json 11 hello world";
        assert_eq!(pae(b"hello world"), expected);
        assert!(pae(b"").ends_with(b" 0 "));
    }

    #[test]
    fn an_envelope_comes_back_and_every_flipped_bit_is_found() {
        let envelope = Envelope { payload: b"{\"a\": 1}".to_vec(), signature: testing::signature() };
        let text = envelope.render().unwrap();
        assert_eq!(Envelope::parse(&text).unwrap(), envelope);
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                // What changes payload or signature is for the signature to find; nothing else may change.
                if let Ok(other) = Envelope::parse(&text) {
                    assert!(other != envelope, "byte {at}, bit {bit}");
                }
            }
        }
        assert_eq!(Envelope::parse(&text.replace("\n  \"payload\"", "\n   \"payload\"")), Err(NoEnvelope::Form));
        assert_eq!(Envelope::parse(&text.replace("in-toto", "in-tuto")), Err(NoEnvelope::Other));
        assert!(matches!(Envelope::parse("{"), Err(NoEnvelope::Json { line: 1, .. })));
    }
}
