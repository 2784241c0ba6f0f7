//! The functions that the prelude gets from Rust: conversions, digests, random numbers, URLs. They know nothing and can reach nothing.

use base64::{
    Engine,
    alphabet::{STANDARD as STANDARD_ALPHABET, URL_SAFE as URL_ALPHABET},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    digest, hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rquickjs::{Ctx, Exception, Object, Result, TypedArray, function::Func};
use serde_json::json;
use url::Url;

/// Most bytes that `crypto.randomBytes` gives at once.
const MAX_RANDOM: usize = 65_536;
/// As lenient with padding as Node is.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const LENIENT_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD_ALPHABET, LENIENT);
const LENIENT_URL: GeneralPurpose = GeneralPurpose::new(&URL_ALPHABET, LENIENT);

/// Adds them to the object that the prelude gets.
pub(super) fn add_to(host: &Object<'_>) -> Result<()> {
    host.set("encode", Func::from(encode))?;
    host.set("decode", Func::from(decode))?;
    host.set("digest", Func::from(digest_of))?;
    host.set("sign", Func::from(sign))?;
    host.set("random", Func::from(random))?;
    host.set("uuid", Func::from(uuid))?;
    host.set("url", Func::from(url))?;
    host.set("changed", Func::from(changed))
}

/// Bytes of the script, which come as a text with a character for each. To look at them in place would be unsafe.
fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|sign| u8::try_from(u32::from(sign)).unwrap_or_default()).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn encode(ctx: Ctx<'_>, bytes: String, encoding: String) -> Result<String> {
    let bytes = &bytes_of(&bytes);
    Ok(match encoding.as_str() {
        "utf8" | "utf-8" => String::from_utf8_lossy(bytes).into_owned(),
        "hex" => hex::encode(bytes),
        "base64" => BASE64_STANDARD.encode(bytes),
        "base64url" => BASE64_URL_SAFE_NO_PAD.encode(bytes),
        "latin1" | "binary" => bytes.iter().map(|byte| char::from(*byte)).collect(),
        "ascii" => bytes.iter().map(|byte| char::from(byte & 0x7F)).collect(),
        "utf16le" | "utf-16le" | "ucs2" | "ucs-2" => {
            let units: Vec<_> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        _ => return Err(Exception::throw_type(&ctx, "Unknown encoding")),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn decode(ctx: Ctx<'_>, text: String, encoding: String) -> Result<TypedArray<'_, u8>> {
    let bytes = match encoding.as_str() {
        "utf8" | "utf-8" => text.into_bytes(),
        "hex" => from_hex(text.as_bytes()),
        "base64" | "base64url" => from_base64(&text),
        #[expect(clippy::cast_possible_truncation, reason = "as Node does: the low byte of each character")]
        "latin1" | "binary" | "ascii" => text.encode_utf16().map(|unit| unit as u8).collect(),
        "utf16le" | "utf-16le" | "ucs2" | "ucs-2" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => return Err(Exception::throw_type(&ctx, "Unknown encoding")),
    };
    TypedArray::new(ctx, bytes)
}

/// Up to the first pair that is none, as in Node.
fn from_hex(text: &[u8]) -> Vec<u8> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.chunks_exact(2).map_while(pair).collect()
}

/// Either alphabet, with and without padding; what is in neither is passed over, as in Node.
fn from_base64(text: &str) -> Vec<u8> {
    let text = text.split('=').next().unwrap_or_default();
    let signs = text.bytes().filter(|sign| sign.is_ascii_alphanumeric() || b"+/-_".contains(sign));
    let mut signs: Vec<u8> = signs
        .map(|sign| match sign {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        })
        .collect();
    if signs.len() % 4 == 1 {
        signs.pop();
    }
    LENIENT_URL.decode(&signs).or_else(|_| LENIENT_STANDARD.decode(&signs)).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn digest_of(ctx: Ctx<'_>, algorithm: String, key: Option<String>, data: String) -> Result<TypedArray<'_, u8>> {
    let (plain, keyed) = match algorithm.as_str() {
        "sha1" => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "sha384" => (&digest::SHA384, hmac::HMAC_SHA384),
        "sha512" => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => (&digest::SHA256, hmac::HMAC_SHA256),
    };
    let data = &bytes_of(&data);
    match key {
        Some(key) => {
            let key = hmac::Key::new(keyed, &bytes_of(&key));
            TypedArray::new(ctx, hmac::sign(&key, data).as_ref())
        }
        None => TypedArray::new(ctx, digest::digest(plain, data).as_ref()),
    }
}

/// RSA with SHA-256, for tokens of service accounts.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn sign(ctx: Ctx<'_>, pem: String, data: String) -> Result<TypedArray<'_, u8>> {
    let fail = |what: &str| Exception::throw_message(&ctx, what);
    let is_pkcs8 = pem.contains("BEGIN PRIVATE KEY");
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = from_base64(&body);
    let key = if is_pkcs8 { RsaKeyPair::from_pkcs8(&der) } else { RsaKeyPair::from_der(&der) };
    let key = key.map_err(|_| fail("the key is no RSA key in PEM of 2048 bits or more"))?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &bytes_of(&data), &mut signature)
        .map_err(|_| fail("it cannot be signed with this key"))?;
    TypedArray::new(ctx.clone(), signature)
}

fn random(ctx: Ctx<'_>, size: f64) -> Result<TypedArray<'_, u8>> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let size = size as usize;
    if size > MAX_RANDOM {
        return Err(Exception::throw_range(&ctx, "more than 65536 random bytes"));
    }
    let mut bytes = vec![0; size];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Exception::throw_message(&ctx, "no random numbers"))?;
    TypedArray::new(ctx, bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn uuid(ctx: Ctx<'_>) -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Exception::throw_message(&ctx, "no random numbers"))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

/// The parts of a URL as JSON; `None` if it is none.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn url(text: String, base: Option<String>) -> Option<String> {
    let url = match base {
        Some(base) => Url::parse(&base).ok()?.join(&text).ok()?,
        None => Url::parse(&text).ok()?,
    };
    Some(parts(&url))
}

/// The parts of a URL after one has changed; `None` if that is not possible, and nothing changes.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands over values")]
fn changed(href: String, name: String, value: String) -> Option<String> {
    let mut url = Url::parse(&href).ok()?;
    match name.as_str() {
        "href" => url = Url::parse(&value).ok()?,
        "protocol" => url.set_scheme(value.trim_end_matches(':')).ok()?,
        "username" => url.set_username(&value).ok()?,
        "password" => url.set_password((!value.is_empty()).then_some(value.as_str())).ok()?,
        "host" => {
            let (host, port) = match value.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
                Some(_) | None => (value.as_str(), None),
            };
            url.set_host(Some(host)).ok()?;
            if port.is_some() {
                url.set_port(port).ok()?;
            }
        }
        "hostname" => url.set_host(Some(&value)).ok()?,
        "port" => url.set_port(if value.is_empty() { None } else { Some(value.parse().ok()?) }).ok()?,
        "pathname" => url.set_path(&value),
        "search" => url.set_query(Some(value.trim_start_matches('?')).filter(|query| !query.is_empty())),
        "hash" => url.set_fragment(Some(value.trim_start_matches('#')).filter(|hash| !hash.is_empty())),
        _ => return None,
    }
    Some(parts(&url))
}

fn parts(url: &Url) -> String {
    let port = url.port().map(|port| port.to_string()).unwrap_or_default();
    let hostname = url.host_str().unwrap_or_default();
    let prefixed = |sign: &str, part: Option<&str>| {
        part.filter(|part| !part.is_empty()).map(|part| format!("{sign}{part}")).unwrap_or_default()
    };
    json!({
        "href": url.as_str(),
        "origin": url.origin().ascii_serialization(),
        "protocol": format!("{}:", url.scheme()),
        "username": url.username(),
        "password": url.password().unwrap_or_default(),
        "host": if port.is_empty() { hostname.to_owned() } else { format!("{hostname}:{port}") },
        "hostname": hostname,
        "port": port,
        "pathname": url.path(),
        "search": prefixed("?", url.query()),
        "hash": prefixed("#", url.fragment()),
    })
    .to_string()
}
