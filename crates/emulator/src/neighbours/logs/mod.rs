//! CloudWatch Logs' JSON interface: groups, streams, events, and the search in them.

mod pattern;
pub(crate) mod store;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use self::pattern::Pattern;
use self::store::{Event, Group, Logs, Place, Refusal, Stream, arn, now};
use super::json_service;
use super::refusal::Refused;
use crate::accounts::Home;
use crate::exchange::Call;
use crate::reply::Reply;

/// Answers one request.
///
/// # Errors
/// The service's own exceptions.
pub(super) fn answer(logs: &Logs, call: &Call<'_>, home: Home<'_>) -> Result<Reply, Refused> {
    let region = home.region;
    let operation = json_service::operation(call, TARGET);
    let request: Request = json_service::read(call)?;
    let answer = match operation {
        "CreateLogGroup" => {
            logs.create(region, legal_group(request.group()?)?)?;
            return Ok(json_service::nothing());
        }
        "DeleteLogGroup" => {
            logs.delete(region, request.group()?)?;
            return Ok(json_service::nothing());
        }
        "DescribeLogGroups" => describe_groups(logs, home, &request)?,
        _ => {
            let answer =
                logs.within(region, request.group()?, |group| of_group(group, operation, home, &request))?;
            let Some(answer) = answer else { return Ok(json_service::nothing()) };
            answer
        }
    };
    Ok(json_service::answer(&answer))
}

/// What `X-Amz-Target` begins with.
const TARGET: &str = "Logs_20140328.";

/// The members of all requests; unknown ones are for the service to ignore, as it does.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_stream_name_prefix: Option<String>,
    log_events: Option<Vec<NewEvent>>,
    retention_in_days: Option<u32>,
    order_by: Option<String>,
    descending: bool,
    start_time: Option<i64>,
    end_time: Option<i64>,
    start_from_head: Option<bool>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct NewEvent {
    timestamp: i64,
    message: String,
}

impl Request {
    /// The group's name, from whichever member gives it.
    fn group(&self) -> Result<&str, Refused> {
        if let Some(name) = &self.log_group_name {
            return Ok(name);
        }
        let identifier = required(self.log_group_identifier.as_deref(), "logGroupName")?;
        let name = identifier.split_once(":log-group:").map_or(identifier, |(_, name)| name);
        Ok(name.strip_suffix(":*").unwrap_or(name))
    }

    fn stream(&self) -> Result<&str, Refused> {
        required(self.log_stream_name.as_deref(), "logStreamName")
    }

    fn limit(&self, most: usize) -> Result<usize, Refused> {
        match self.limit {
            None => Ok(most),
            Some(limit) if (1..=most).contains(&limit) => Ok(limit),
            Some(limit) => Err(invalid(format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have \
                 value between 1 and {most}"
            ))),
        }
    }

    fn spans(&self, event: &Event) -> bool {
        self.start_time.is_none_or(|from| event.place.timestamp >= from)
            && self.end_time.is_none_or(|to| event.place.timestamp < to)
    }
}

/// What concerns one group; `None` where there is nothing to answer.
fn of_group(
    group: &mut Group,
    operation: &str,
    home: Home<'_>,
    request: &Request,
) -> Result<Option<Value>, Refused> {
    match operation {
        "CreateLogStream" => {
            let name = legal_stream(request.stream()?)?;
            if group.streams.contains_key(name) {
                return Err(Refusal::StreamExists.into());
            }
            group.streams.insert(name.to_owned(), Stream::new());
            Ok(None)
        }
        "DeleteLogStream" => {
            group.streams.remove(request.stream()?).map(|_| None).ok_or(Refusal::NoSuchStream.into())
        }
        "PutRetentionPolicy" => {
            let days = required(request.retention_in_days, "retentionInDays")?;
            if !RETENTIONS.contains(&days) {
                return Err(invalid(format!("Retention days must be one of {RETENTIONS:?}")));
            }
            group.retention = Some(days);
            Ok(None)
        }
        "DeleteRetentionPolicy" => {
            group.retention = None;
            Ok(None)
        }
        "DescribeLogStreams" => describe_streams(group, home, request).map(Some),
        "PutLogEvents" => put_events(group, request).map(Some),
        "GetLogEvents" => get_events(group, request).map(Some),
        "FilterLogEvents" => filter_events(group, request).map(Some),
        _ => {
            let text = format!("The emulator's CloudWatch Logs has no operation {operation}.");
            Err(Refused::new(400, "UnknownOperationException", text))
        }
    }
}

/// The only numbers of days there are (documentation of `PutRetentionPolicy`).
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

fn describe_groups(logs: &Logs, home: Home<'_>, request: &Request) -> Result<Value, Refused> {
    let prefix = request.log_group_name_prefix.as_deref().unwrap_or_default();
    let pattern = request.log_group_name_pattern.as_deref().unwrap_or_default();
    let groups = logs
        .of_region(home.region)
        .into_iter()
        .filter(|(name, _)| name.starts_with(prefix) && name.contains(pattern));
    let described = groups.map(|(name, group)| {
        let arn = arn(home, &name);
        let mut described = json!({
            "logGroupName": name, "creationTime": group.created, "metricFilterCount": 0, "arn": format!("{arn}:*"),
            "logGroupArn": arn, "logGroupClass": "STANDARD",
            "storedBytes": group.streams.values().map(Stream::stored_bytes).sum::<usize>(),
        });
        if let Some(days) = group.retention {
            described["retentionInDays"] = days.into();
        }
        described
    });
    page(described.collect(), "logGroups", request)
}

fn describe_streams(group: &Group, home: Home<'_>, request: &Request) -> Result<Value, Refused> {
    let prefix = request.log_stream_name_prefix.as_deref().unwrap_or_default();
    let by_time = match request.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if prefix.is_empty() => true,
        Some(_) => return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")),
    };
    let mut streams: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if by_time {
        streams.sort_by_key(|(_, stream)| stream.events.last().map(|event| event.place));
    }
    if request.descending {
        streams.reverse();
    }
    let arn = arn(home, request.group()?);
    let described = streams.into_iter().map(|(name, stream)| {
        let mut described = json!({
            "logStreamName": name, "creationTime": stream.created, "arn": format!("{arn}:log-stream:{name}"),
            "storedBytes": 0,
        });
        if let (Some(first), Some(last)) = (stream.events.first(), stream.events.last()) {
            described["firstEventTimestamp"] = first.place.timestamp.into();
            described["lastEventTimestamp"] = last.place.timestamp.into();
            described["lastIngestionTime"] = last.ingested.into();
        }
        described
    });
    page(described.collect(), "logStreams", request)
}

/// One page of a list of up to fifty.
fn page(all: Vec<Value>, member: &str, request: &Request) -> Result<Value, Refused> {
    const MOST: usize = 50;
    let limit = request.limit(MOST)?;
    let from = match &request.next_token {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| bad_token())?,
    };
    let end = from.saturating_add(limit);
    let is_truncated = end < all.len();
    let mut answer = json!({ member: all.into_iter().skip(from).take(limit).collect::<Vec<_>>() });
    if is_truncated {
        answer["nextToken"] = end.to_string().into();
    }
    Ok(answer)
}

/// In milliseconds: events may be two hours ahead and fourteen days old (documentation of `PutLogEvents`).
const TOO_NEW: i64 = 2 * 60 * 60 * 1000;
const TOO_OLD: i64 = 14 * 24 * 60 * 60 * 1000;

fn put_events(group: &mut Group, request: &Request) -> Result<Value, Refused> {
    const MOST: usize = 10_000;
    let stream = group.streams.get_mut(request.stream()?).ok_or(Refusal::NoSuchStream)?;
    let events = request.log_events.as_deref().unwrap_or_default();
    if events.is_empty() || events.len() > MOST {
        return Err(invalid("logEvents must hold between 1 and 10000 events."));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        let text = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(invalid(text));
    }
    let now = now();
    let too_old = events.partition_point(|event| event.timestamp < now - TOO_OLD);
    let too_new = events.partition_point(|event| event.timestamp <= now + TOO_NEW);
    for event in &events[too_old.min(too_new)..too_new] {
        stream.put(event.timestamp, event.message.clone());
    }
    let mut answer = json!({ "nextSequenceToken": "49039859583949" });
    if too_old > 0 {
        answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] = too_old.into();
    }
    if too_new < events.len() {
        answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] = too_new.into();
    }
    Ok(answer)
}

/// The most events and bytes of one answer.
const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1024 * 1024;

/// A walk over one stream, forwards or backwards from a token: `f/PLACE` or `b/PLACE`.
fn get_events(group: &Group, request: &Request) -> Result<Value, Refused> {
    let stream = group.streams.get(request.stream()?).ok_or(Refusal::NoSuchStream)?;
    let limit = request.limit(MOST_EVENTS)?;
    let events: Vec<&Event> = stream.events.iter().filter(|event| request.spans(event)).collect();
    let token = request.next_token.as_deref().map(read_token).transpose()?;
    let is_forward = match token {
        Some((is_forward, _)) => is_forward,
        None => request.start_from_head.unwrap_or(false),
    };
    let (from, to) = match token {
        Some((true, place)) => (events.partition_point(|event| event.place <= place), events.len()),
        Some((false, place)) => (0, events.partition_point(|event| event.place < place)),
        None => (0, events.len()),
    };
    let span = &events[from..to];
    let taken = match is_forward {
        true => &span[..fitting(span.iter().copied(), limit)],
        false => &span[span.len() - fitting(span.iter().rev().copied(), limit)..],
    };
    let stay = token.map_or(Place { timestamp: 0, number: 0 }, |(_, place)| place);
    let told = |event: &&Event| json!({ "timestamp": event.place.timestamp, "message": event.message, "ingestionTime": event.ingested });
    Ok(json!({
        "events": taken.iter().map(told).collect::<Vec<_>>(),
        "nextForwardToken": write_token('f', taken.last().map_or(stay, |event| event.place)),
        "nextBackwardToken": write_token('b', taken.first().map_or(stay, |event| event.place)),
    }))
}

/// How many of these events fit into one answer.
fn fitting<'a>(events: impl Iterator<Item = &'a Event>, limit: usize) -> usize {
    let mut bytes = 0;
    let fits = |event: &&Event| {
        bytes += event.message.len();
        bytes <= MOST_BYTES || bytes == event.message.len()
    };
    events.take(limit).take_while(fits).count()
}

/// A search over streams, in the order of time.
fn filter_events(group: &Group, request: &Request) -> Result<Value, Refused> {
    let pattern = request.filter_pattern.as_deref().unwrap_or_default();
    let pattern = Pattern::parse(pattern).ok_or_else(|| invalid("Invalid filter pattern"))?;
    let limit = request.limit(MOST_EVENTS)?;
    let prefix = request.log_stream_name_prefix.as_deref().unwrap_or_default();
    let names = request.log_stream_names.as_deref();
    if names.is_some() && !prefix.is_empty() {
        return Err(invalid("logStreamNames and logStreamNamePrefix cannot both be given."));
    }
    for name in names.into_iter().flatten() {
        group.streams.get(name).ok_or(Refusal::NoSuchStream)?;
    }
    let is_meant = |name: &str| {
        name.starts_with(prefix) && names.is_none_or(|names| names.iter().any(|wanted| wanted == name))
    };
    let mut found = BTreeMap::new();
    for (at, (name, stream)) in group.streams.iter().enumerate().filter(|(_, (name, _))| is_meant(name)) {
        let events =
            stream.events.iter().filter(|event| request.spans(event) && pattern.matches(&event.message));
        found.extend(events.map(|event| ((event.place, at), (name, event))));
    }
    if let Some(token) = &request.next_token {
        let last = read_search_token(token)?;
        found = found.split_off(&last);
        found.remove(&last);
    }
    let count = fitting(found.values().map(|(_, event)| *event), limit);
    let next = (count < found.len()).then(|| found.keys().nth(count.saturating_sub(1))).flatten();
    let told = |(name, event): &(&String, &Event)| {
        let Place { timestamp, number } = event.place;
        json!({
            "logStreamName": name, "timestamp": timestamp, "message": event.message,
            "ingestionTime": event.ingested, "eventId": format!("{timestamp:020}{number:036}"),
        })
    };
    let mut answer = json!({
        "events": found.values().take(count).map(told).collect::<Vec<_>>(), "searchedLogStreams": [],
    });
    if let Some((Place { timestamp, number }, stream)) = next {
        answer["nextToken"] = format!("{timestamp}/{number}/{stream}").into();
    }
    Ok(answer)
}

fn read_search_token(token: &str) -> Result<(Place, usize), Refused> {
    let parts: Vec<&str> = token.split('/').collect();
    let [timestamp, number, stream] = parts[..] else { return Err(bad_token()) };
    let read = || Some((place(timestamp, number)?, stream.parse().ok()?));
    read().ok_or_else(bad_token)
}

fn write_token(direction: char, Place { timestamp, number }: Place) -> String {
    format!("{direction}/{timestamp}/{number}")
}

/// Whether it leads forwards, and from where.
fn read_token(token: &str) -> Result<(bool, Place), Refused> {
    let parts: Vec<&str> = token.split('/').collect();
    let [direction @ ("f" | "b"), timestamp, number] = parts[..] else { return Err(bad_token()) };
    Ok((direction == "f", place(timestamp, number).ok_or_else(bad_token)?))
}

fn place(timestamp: &str, number: &str) -> Option<Place> {
    Some(Place { timestamp: timestamp.parse().ok()?, number: number.parse().ok()? })
}

fn required<T>(member: Option<T>, name: &str) -> Result<T, Refused> {
    member.ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ))
    })
}

/// `[\.\-_/#A-Za-z0-9]+`, at most 512 characters.
fn legal_group(name: &str) -> Result<&str, Refused> {
    let is_legal = (1..=512).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte));
    if is_legal { Ok(name) } else { Err(not_in_pattern(name, "logGroupName", "[\\.\\-_/#A-Za-z0-9]+")) }
}

/// `[^:*]*`, at most 512 characters.
fn legal_stream(name: &str) -> Result<&str, Refused> {
    let is_legal = (1..=512).contains(&name.len()) && !name.contains([':', '*']);
    if is_legal { Ok(name) } else { Err(not_in_pattern(name, "logStreamName", "[^:*]*")) }
}

fn not_in_pattern(value: &str, member: &str, pattern: &str) -> Refused {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: {pattern}"
    ))
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused::new(400, "InvalidParameterException", message)
}

fn bad_token() -> Refused {
    invalid("The specified nextToken is invalid.")
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = match refusal {
            Refusal::NoSuchGroup => ("ResourceNotFoundException", "The specified log group does not exist."),
            Refusal::NoSuchStream => {
                ("ResourceNotFoundException", "The specified log stream does not exist.")
            }
            Refusal::GroupExists => {
                ("ResourceAlreadyExistsException", "The specified log group already exists")
            }
            Refusal::StreamExists => {
                ("ResourceAlreadyExistsException", "The specified log stream already exists")
            }
        };
        Self::new(400, code, message)
    }
}
