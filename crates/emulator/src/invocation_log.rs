//! The model-invocation log: one record an invocation, in AWS's own nested form, to the log group and the bucket that the
//! Region's configuration names.
//!
//! A record goes to the stream `aws/bedrock/modelinvocations` of the group, and as a gzipped JSON line to the bucket under
//! `PREFIX/AWSLogs/ACCOUNT/BedrockModelInvocationLogs/…`. Bodies over 100 KB become objects of their own, which the record
//! points to (reference `bedrock.md` §7.1). Group and bucket are made when they are not there.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use outcrop_wire::eventstream::{Decoder, Message};
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::accounts::Home;
use crate::bill::Entry;
use crate::exchange::Call;
use crate::failure::Failure;
use crate::neighbours::logs::store as logs;
use crate::neighbours::objects::{Object, Refusal};
use crate::operation::Runtime;
use crate::reply::{Payload, Reply};
use crate::state::State;

/// The log stream that Bedrock writes to.
const STREAM: &str = "aws/bedrock/modelinvocations";
/// Bodies over this many bytes are delivered apart.
const LARGE: usize = 100 * 1024;

/// What a record is about.
pub(crate) struct Invocation<'a> {
    pub(crate) kind: Runtime,
    /// What the caller wrote as the model.
    pub(crate) model: &'a str,
    pub(crate) caller: &'a Caller,
    pub(crate) call: &'a Call<'a>,
}

/// Writes the record of an invocation, if its Region has logging configured.
pub(crate) fn record(state: &State, invocation: &Invocation<'_>, outcome: &Result<Reply, Failure>) {
    if invocation.kind == Runtime::CountTokens {
        return;
    }
    let region = &invocation.caller.region;
    let Some(config) = state.account.read(|account| account.logging.get(region).cloned()) else { return };
    let now = Timestamp::now();
    let record = Record { state, invocation, outcome, config: &config, now };
    if let Some(group) = config["cloudWatchConfig"]["logGroupName"].as_str() {
        let large = Place::of(&config["cloudWatchConfig"]["largeDataDeliveryS3Config"]);
        let line = record.line(large.as_ref()).to_string();
        if let Err(logs::Refusal::NoSuchGroup) = state.logs.deliver(region, group, STREAM, now, line.clone())
        {
            // Made by somebody else in between is as good.
            let _ = state.logs.create(region, group);
            let _ = state.logs.deliver(region, group, STREAM, now, line);
        }
    }
    if let Some(place) = Place::of(&config["s3Config"]) {
        let line = format!("{}\n", record.line(Some(&place)));
        let stamp = now.strftime("%Y%m%dT%H%M%S%3fZ");
        let key =
            place.key(state.home(region), now, &format!("{stamp}_{}.json.gz", invocation.call.request_id));
        place.put(state, region, &key, line.as_bytes());
    }
}

/// A bucket and the prefix of the keys in it.
struct Place {
    bucket: String,
    prefix: String,
}

impl Place {
    fn of(config: &Value) -> Option<Self> {
        let bucket = config["bucketName"].as_str()?.to_owned();
        Some(Self { bucket, prefix: config["keyPrefix"].as_str().unwrap_or_default().to_owned() })
    }

    fn key(&self, home: Home<'_>, at: Timestamp, name: &str) -> String {
        let Home { account, region } = home;
        let prefix = match self.prefix.trim_end_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let hour = at.strftime("%Y/%m/%d/%H");
        format!("{prefix}AWSLogs/{account}/BedrockModelInvocationLogs/{region}/{hour}/{name}")
    }

    fn put(&self, state: &State, region: &str, key: &str, content: &[u8]) {
        let Ok(body) = gzipped(content) else { return };
        let object = Object::new(body, "application/json");
        if let Err(Refusal::NoSuchBucket) = state.objects.put(&self.bucket, key, object.clone())
            && state.objects.create_bucket(&self.bucket, region).is_ok()
        {
            let _ = state.objects.put(&self.bucket, key, object);
        }
    }
}

fn gzipped(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    encoder.finish()
}

/// One record on its way to its places.
struct Record<'a> {
    state: &'a State,
    invocation: &'a Invocation<'a>,
    outcome: &'a Result<Reply, Failure>,
    config: &'a Value,
    now: Timestamp,
}

impl Record<'_> {
    /// The record, with large bodies in `large` and pointed to.
    fn line(&self, large: Option<&Place>) -> Value {
        let Invocation { kind, model, caller, call } = self.invocation;
        let entry = self.state.bill.find(call.request_id);
        let request: Value = serde_json::from_slice(call.body).unwrap_or_default();
        let region = &caller.region;
        let mut record = json!({
            "schemaType": "ModelInvocationLog",
            "schemaVersion": "1.0",
            "timestamp": self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "accountId": self.state.number,
            "region": region,
            "requestId": call.request_id,
            "operation": kind.name(),
            "modelId": model,
            "identity": { "arn": caller.principal.arn() },
            "inferenceRegion": inference_region(self.state, model, region, call.request_id),
        });
        if let Some(metadata) = metadata(call, &request) {
            record["requestMetadata"] = metadata;
        }
        if let Some(latency) = request["performanceConfig"]["latency"].as_str() {
            record["performanceConfig"] = json!({ "latency": latency });
        }
        record["input"] = self.input(entry.as_ref(), request, large);
        match self.outcome {
            Ok(reply) => record["output"] = self.output(entry.as_ref(), reply, large),
            Err(failure) => record["errorCode"] = failure.error.kind.name().into(),
        }
        record
    }

    fn input(&self, entry: Option<&Entry>, request: Value, large: Option<&Place>) -> Value {
        let mut input = json!({ "inputContentType": JSON });
        if let Some(entry) = entry {
            input["inputTokenCount"] = entry.input_tokens.into();
            input["cacheReadInputTokenCount"] = entry.cache_read_input_tokens.into();
            input["cacheWriteInputTokenCount"] = entry.cache_write_input_tokens.into();
        }
        self.add_body(&mut input, "input", request, large);
        input
    }

    fn output(&self, entry: Option<&Entry>, reply: &Reply, large: Option<&Place>) -> Value {
        let mut output = json!({ "outputContentType": JSON });
        if let Some(entry) = entry {
            output["outputTokenCount"] = entry.output_tokens.into();
        }
        let body = match &reply.payload {
            Payload::Whole(bytes) => serde_json::from_slice(bytes).unwrap_or_default(),
            Payload::Frames(frames) => Value::Array(events(frames)),
        };
        self.add_body(&mut output, "output", body, large);
        output
    }

    /// A body where it is wanted: in the record, or beside it when it is large.
    fn add_body(&self, into: &mut Value, side: &str, mut body: Value, large: Option<&Place>) {
        if !self.is_delivered() {
            return;
        }
        if self.config["imageDataDeliveryEnabled"] == false {
            without_images(&mut body);
        }
        let text = body.to_string();
        if text.len() <= LARGE {
            into[format!("{side}BodyJson")] = body;
        } else if let Some(place) = large {
            let Invocation { caller, call, .. } = self.invocation;
            let name = format!("data/{}_{side}.json.gz", call.request_id);
            let key = place.key(self.state.home(&caller.region), self.now, &name);
            place.put(self.state, &caller.region, &key, text.as_bytes());
            into[format!("{side}BodyS3Path")] = format!("s3://{}/{key}", place.bucket).into();
        }
    }

    /// Whether bodies of this kind of model are wanted.
    fn is_delivered(&self) -> bool {
        let Invocation { model, caller, .. } = self.invocation;
        let target = crate::target::resolve(self.state, model, &caller.region).ok();
        let model = target.and_then(|target| self.state.facts.model(&target.model).cloned());
        let makes = |modality: &str| {
            model.as_ref().is_some_and(|model| model.output_modalities.iter().any(|it| it == modality))
        };
        let flag = match () {
            () if makes("EMBEDDING") => "embeddingDataDeliveryEnabled",
            () if makes("IMAGE") => "imageDataDeliveryEnabled",
            () if makes("VIDEO") => "videoDataDeliveryEnabled",
            () => "textDataDeliveryEnabled",
        };
        self.config[flag] != false
    }
}

const JSON: &str = "application/json";

/// `requestMetadata` of Converse, or the header of InvokeModel.
fn metadata(call: &Call<'_>, request: &Value) -> Option<Value> {
    let of_body = request.get("requestMetadata").cloned();
    let header = || call.head.headers.get("x-amzn-bedrock-request-metadata")?.to_str().ok();
    of_body.or_else(|| serde_json::from_str(header()?).ok())
}

/// Drops the bytes of pictures: `source.bytes` of Converse, `source.data` of Claude's own body.
fn without_images(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(without_images),
        Value::Object(members) => {
            let is_image = members.get("type").is_some_and(|kind| kind == "image");
            for (name, value) in members.iter_mut() {
                if name == "image" || is_image {
                    let source = value.get_mut("source").and_then(Value::as_object_mut);
                    source.into_iter().for_each(drop_bytes);
                }
                if name == "source" && is_image {
                    value.as_object_mut().into_iter().for_each(drop_bytes);
                }
                without_images(value);
            }
        }
        _ => {}
    }
}

fn drop_bytes(source: &mut Map<String, Value>) {
    source.remove("bytes");
    source.remove("data");
}

/// The events of a stream, each under its name; of a model's own stream, the chunks.
fn events(frames: &[Bytes]) -> Vec<Value> {
    let mut decoder = Decoder::default();
    frames.iter().for_each(|frame| decoder.push(frame));
    let mut events = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        let Message::Event { event_type, payload } = frame.message() else { continue };
        let mut payload: Value = serde_json::from_slice(payload).unwrap_or_default();
        let chunk = payload["bytes"].as_str().and_then(|bytes| STANDARD.decode(bytes).ok());
        events.push(match chunk {
            Some(chunk) => serde_json::from_slice(&chunk).unwrap_or_default(),
            None => {
                payload.as_object_mut().and_then(|members| members.remove("p"));
                json!({ event_type: payload })
            }
        });
    }
    events
}

/// Where an invocation was computed: one of the destinations of its profile, chosen by the request's id; the Region of
/// the call without one.
fn inference_region(state: &State, identifier: &str, region: &str, request_id: &str) -> String {
    let destinations = destinations(state, identifier, region);
    let sum: usize = request_id.bytes().map(usize::from).sum();
    let chosen = sum.checked_rem(destinations.len()).and_then(|index| destinations.get(index));
    chosen.map_or_else(|| region.to_owned(), Clone::clone)
}

fn destinations(state: &State, identifier: &str, region: &str) -> Vec<String> {
    let of_system = |id: &str| {
        let profile = state.facts.profile(id, region);
        profile.and_then(|it| Some(it.destinations(region)?.to_vec())).unwrap_or_default()
    };
    let Some(profile) = state.account.profile(identifier, region) else {
        return of_system(identifier.rsplit_once("inference-profile/").map_or(identifier, |(_, id)| id));
    };
    match profile.source.rsplit_once(":inference-profile/") {
        Some((_, id)) => of_system(id),
        None => vec![region.to_owned()],
    }
}
