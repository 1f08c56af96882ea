//! The object store: what is in the buckets, without HTTP.
//!
//! S3's REST interface is one way in; the emulator itself is the other: invocation logs and batch jobs read and write
//! here. Rules of names are S3's; one account owns everything, in every Region.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use md5::{Digest, Md5};

use serde::{Deserialize, Serialize};

use super::kept;
use super::s3::Uploads;

/// All buckets of the account.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    /// Uploads in several parts that are not completed.
    pub(crate) uploads: Uploads,
}

/// One bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Where it was created.
    pub(crate) region: String,
    /// When.
    pub(crate) created: Timestamp,
    /// Its policy document, as it was put.
    pub(crate) policy: Option<String>,
    objects: BTreeMap<String, Object>,
}

/// What a key holds. Cheap to clone: the bytes are shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// The bytes exactly as they came: what was compressed stays so.
    #[serde(with = "kept::base64")]
    pub(crate) body: Bytes,
    /// `Content-Type`.
    pub(crate) content_type: String,
    /// `Content-Encoding` without `aws-chunked`, which is of the upload alone.
    pub(crate) content_encoding: Option<String>,
    /// `x-amz-meta-…`, without the prefix.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The MD5 of the bytes in hexadecimal, or S3's form for several parts; without quotation marks.
    pub(crate) etag: String,
    /// When it was put.
    pub(crate) modified: Timestamp,
}

impl Object {
    /// An object of these bytes, put now.
    pub(crate) fn new(body: impl Into<Bytes>, content_type: impl Into<String>) -> Self {
        let body = body.into();
        Self {
            etag: hex(&Md5::digest(&body)),
            body,
            content_type: content_type.into(),
            content_encoding: None,
            metadata: BTreeMap::new(),
            modified: Timestamp::now(),
        }
    }

    /// The same with `Content-Encoding`.
    pub(crate) fn encoded(mut self, encoding: impl Into<String>) -> Self {
        self.content_encoding = Some(encoding.into());
        self
    }
}

/// Why the store refuses; each is one of S3's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchBucket,
    NoSuchKey,
    InvalidBucketName,
    BucketAlreadyOwnedByYou,
    BucketNotEmpty,
    KeyTooLong,
}

/// A key as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
}

/// S3's longest key, in bytes.
const LONGEST_KEY: usize = 1024;

impl Objects {
    /// Creates a bucket.
    ///
    /// # Errors
    /// The name is not legal, or taken.
    pub(crate) fn create_bucket(&self, name: &str, region: &str) -> Result<(), Refusal> {
        if !is_bucket_name(name) {
            return Err(Refusal::InvalidBucketName);
        }
        let mut buckets = self.lock();
        if buckets.contains_key(name) {
            return Err(Refusal::BucketAlreadyOwnedByYou);
        }
        let bucket = Bucket {
            region: region.to_owned(),
            created: Timestamp::now(),
            policy: None,
            objects: BTreeMap::new(),
        };
        buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// There is none of that name, or it holds objects.
    pub(crate) fn delete_bucket(&self, name: &str) -> Result<(), Refusal> {
        let mut buckets = self.lock();
        let bucket = buckets.get(name).ok_or(Refusal::NoSuchBucket)?;
        if !bucket.objects.is_empty() {
            return Err(Refusal::BucketNotEmpty);
        }
        buckets.remove(name);
        Ok(())
    }

    /// The Region and creation time of each bucket, by name.
    pub(crate) fn buckets(&self) -> Vec<(String, String, Timestamp)> {
        let describe =
            |(name, bucket): (&String, &Bucket)| (name.clone(), bucket.region.clone(), bucket.created);
        self.lock().iter().map(describe).collect()
    }

    /// The Region of a bucket.
    ///
    /// # Errors
    /// There is none of that name.
    pub(crate) fn region_of(&self, bucket: &str) -> Result<String, Refusal> {
        self.within(bucket, |bucket| Ok(bucket.region.clone()))
    }

    /// The policy of a bucket, if it has one.
    ///
    /// # Errors
    /// There is no such bucket.
    pub(crate) fn policy(&self, bucket: &str) -> Result<Option<String>, Refusal> {
        self.within(bucket, |bucket| Ok(bucket.policy.clone()))
    }

    /// Sets or removes the policy of a bucket.
    ///
    /// # Errors
    /// There is no such bucket.
    pub(crate) fn set_policy(&self, bucket: &str, policy: Option<String>) -> Result<(), Refusal> {
        self.within(bucket, |bucket| {
            bucket.policy = policy;
            Ok(())
        })
    }

    /// Puts an object under a key, in place of what was there.
    ///
    /// # Errors
    /// There is no such bucket, or the key is over 1,024 bytes.
    pub(crate) fn put(&self, bucket: &str, key: &str, object: Object) -> Result<(), Refusal> {
        if key.len() > LONGEST_KEY {
            return Err(Refusal::KeyTooLong);
        }
        self.within(bucket, |bucket| {
            bucket.objects.insert(key.to_owned(), object);
            Ok(())
        })
    }

    /// The object under a key.
    ///
    /// # Errors
    /// There is no such bucket or key.
    pub(crate) fn get(&self, bucket: &str, key: &str) -> Result<Object, Refusal> {
        self.within(bucket, |bucket| bucket.objects.get(key).cloned().ok_or(Refusal::NoSuchKey))
    }

    /// Deletes what is under a key; that nothing is there is no error, as in S3.
    ///
    /// # Errors
    /// There is no such bucket.
    pub(crate) fn delete(&self, bucket: &str, key: &str) -> Result<(), Refusal> {
        self.within(bucket, |bucket| {
            bucket.objects.remove(key);
            Ok(())
        })
    }

    /// The keys that begin with `prefix` and come after `after`, in the order of their bytes.
    ///
    /// # Errors
    /// There is no such bucket.
    pub(crate) fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<Listed>, Refusal> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.within(bucket, |bucket| {
            let range = bucket.objects.range::<str, _>((from, Bound::Unbounded));
            let listed = range.take_while(|(key, _)| key.starts_with(prefix)).map(|(key, object)| Listed {
                key: key.clone(),
                size: object.body.len() as u64,
                etag: object.etag.clone(),
                modified: object.modified,
            });
            Ok(listed.collect())
        })
    }

    /// All buckets, to be kept; uploads that are not completed are not.
    pub(super) fn kept(&self) -> BTreeMap<String, Bucket> {
        self.lock().clone()
    }

    /// The buckets that were kept.
    pub(super) fn restore(&self, buckets: BTreeMap<String, Bucket>) {
        *self.lock() = buckets;
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.uploads.clear();
        self.lock().clear();
    }

    fn within<T>(
        &self,
        bucket: &str,
        act: impl FnOnce(&mut Bucket) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        act(self.lock().get_mut(bucket).ok_or(Refusal::NoSuchBucket)?)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// S3's rule for general-purpose buckets: 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with
/// a letter or digit, no two dots in a row, and no IPv4 address.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| is_plain(*byte) || matches!(byte, b'.' | b'-'))
        && bytes.first().zip(bytes.last()).is_some_and(|(first, last)| is_plain(*first) && is_plain(*last))
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets_follow_the_rule_of_s3() {
        for legal in ["abc", "bedrock-logs-123456789012", "a.b.c", "1-2"] {
            assert!(is_bucket_name(legal), "{legal}");
        }
        for illegal in ["ab", "Abc", "a_b", "-abc", "abc.", "a..b", "10.0.0.1", &"a".repeat(64), ""] {
            assert!(!is_bucket_name(illegal), "{illegal}");
        }
    }

    #[test]
    fn a_list_begins_after_a_key_and_keeps_to_its_prefix() {
        let objects = Objects::default();
        objects.create_bucket("bucket", "us-east-1").unwrap();
        for key in ["a", "logs/1", "logs/2", "logs/3", "logs0"] {
            objects.put("bucket", key, Object::new(key.to_owned(), "text/plain")).unwrap();
        }
        let keys = |prefix, after| {
            let listed = objects.list("bucket", prefix, after).unwrap();
            listed.into_iter().map(|listed| listed.key).collect::<Vec<_>>()
        };
        assert_eq!(keys("logs/", None), ["logs/1", "logs/2", "logs/3"]);
        assert_eq!(keys("logs/", Some("logs/1")), ["logs/2", "logs/3"]);
        assert_eq!(keys("logs/", Some("a")), ["logs/1", "logs/2", "logs/3"]);
        assert_eq!(keys("logs/", Some("z")), Vec::<String>::new());
        assert_eq!(keys("", None).len(), 5);
    }

    #[test]
    fn a_bucket_with_objects_is_not_deleted() {
        let objects = Objects::default();
        objects.create_bucket("bucket", "us-east-1").unwrap();
        assert_eq!(objects.create_bucket("bucket", "us-west-2"), Err(Refusal::BucketAlreadyOwnedByYou));
        objects.put("bucket", "key", Object::new("hello", "text/plain")).unwrap();
        assert_eq!(objects.get("bucket", "key").unwrap().etag, "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(objects.delete_bucket("bucket"), Err(Refusal::BucketNotEmpty));
        objects.delete("bucket", "key").unwrap();
        assert_eq!(objects.get("bucket", "key"), Err(Refusal::NoSuchKey));
        objects.delete_bucket("bucket").unwrap();
        assert_eq!(objects.region_of("bucket"), Err(Refusal::NoSuchBucket));
    }
}
