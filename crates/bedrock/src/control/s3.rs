//! S3: buckets with a policy, and objects.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use hyper::body::Incoming;
use outcrop_wire::xml::Element;
use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::PATH_SEGMENT;
use super::neighbour::{Call, content_type, whole};
use crate::client::{Client, SendError};
use crate::endpoint::Service;

/// A key as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// The key.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// When it was put, ISO 8601.
    pub last_modified: String,
}

/// One page of a bucket's keys, and the token of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPage {
    /// In the order of the keys' bytes.
    pub objects: Vec<ObjectSummary>,
    /// `None` on the last page.
    pub next: Option<String>,
}

impl Client {
    /// `s3:CreateBucket`, in the Region given.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn create_bucket(&self, bucket: &str, region: &str) -> Result<(), SendError> {
        /// The one Region that must not be named.
        const FIRST: &str = "us-east-1";
        let body = match region {
            FIRST => Bytes::new(),
            _ => Element::new("CreateBucketConfiguration")
                .in_namespace("http://s3.amazonaws.com/doc/2006-03-01/")
                .with("LocationConstraint", region)
                .document()
                .into(),
        };
        let headers = if body.is_empty() { HeaderMap::new() } else { content_type("application/xml") };
        self.s3(Method::PUT, &path(bucket, ""), headers, body, region).await.map(drop)
    }

    /// `s3:HeadBucket`: the Region it is in; `None` when there is no such bucket.
    ///
    /// # Errors
    /// As [`Client::send`]; that it is somebody else's is a 403.
    pub async fn bucket_region(&self, bucket: &str, region: &str) -> Result<Option<String>, SendError> {
        let answer = self.s3(Method::HEAD, &path(bucket, ""), HeaderMap::new(), Bytes::new(), region).await;
        match answer {
            Ok(answer) => Ok(Some(region_header(answer.headers()).unwrap_or_else(|| region.to_owned()))),
            Err(SendError::Service(error)) if error.error.status == 404 => Ok(None),
            // A bucket elsewhere is answered with where it is.
            Err(SendError::Service(error)) if (300..400).contains(&error.error.status) => {
                Ok(Some(region_header(&error.headers).unwrap_or_else(|| region.to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    /// `s3:GetBucketPolicy`; `None` when there is none.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn bucket_policy(&self, bucket: &str, region: &str) -> Result<Option<String>, SendError> {
        let path = format!("{}?policy", path(bucket, ""));
        match self.s3(Method::GET, &path, HeaderMap::new(), Bytes::new(), region).await {
            Ok(answer) => Ok(Some(String::from_utf8_lossy(&whole(answer).await?).into_owned())),
            Err(SendError::Service(error)) if error.error.kind.name() == "NoSuchBucketPolicy" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `s3:PutBucketPolicy`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn put_bucket_policy(
        &self,
        bucket: &str,
        document: &str,
        region: &str,
    ) -> Result<(), SendError> {
        let path = format!("{}?policy", path(bucket, ""));
        let headers = content_type("application/json");
        self.s3(Method::PUT, &path, headers, document.to_owned().into(), region).await.map(drop)
    }

    /// `s3:ListObjectsV2`: one page of the keys with a prefix, from a token on or after a key.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn objects(
        &self,
        bucket: &str,
        prefix: &str,
        from: Option<&str>,
        after: Option<&str>,
        region: &str,
    ) -> Result<ObjectPage, SendError> {
        let encode = |text: &str| utf8_percent_encode(text, PATH_SEGMENT).to_string();
        let mut query = format!("list-type=2&prefix={}", encode(prefix));
        if let Some(after) = after {
            query.push_str(&format!("&start-after={}", encode(after)));
        }
        if let Some(from) = from {
            query.push_str(&format!("&continuation-token={}", encode(from)));
        }
        let path = format!("{}?{query}", path(bucket, ""));
        let (service, method) = (Service::S3, Method::GET);
        let call =
            Call { service, method, path: &path, headers: HeaderMap::new(), body: Bytes::new(), region };
        let root = self.ask_xml(call).await?;
        let objects = root.all("Contents").map(|listed| ObjectSummary {
            key: listed.text_of("Key").unwrap_or_default().to_owned(),
            size: listed.text_of("Size").and_then(|size| size.parse().ok()).unwrap_or(0),
            last_modified: listed.text_of("LastModified").unwrap_or_default().to_owned(),
        });
        let next = root.text_of("NextContinuationToken").map(str::to_owned);
        Ok(ObjectPage { objects: objects.collect(), next })
    }

    /// `s3:GetObject`: the answer, whose body has not been read.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn object(
        &self,
        bucket: &str,
        key: &str,
        region: &str,
    ) -> Result<Response<Incoming>, SendError> {
        self.s3(Method::GET, &path(bucket, key), HeaderMap::new(), Bytes::new(), region).await
    }

    /// `s3:GetObject`: all of it.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn whole_object(&self, bucket: &str, key: &str, region: &str) -> Result<Bytes, SendError> {
        whole(self.object(bucket, key, region).await?).await
    }

    /// `s3:PutObject`
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: Bytes,
        content_type: &'static str,
        region: &str,
    ) -> Result<(), SendError> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        self.s3(Method::PUT, &path(bucket, key), headers, body, region).await.map(drop)
    }

    async fn s3(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        region: &str,
    ) -> Result<Response<Incoming>, SendError> {
        self.ask(Call { service: Service::S3, method, path, headers, body, region }).await
    }
}

/// Path style: the bucket is the first segment, which works with any name and at any address.
fn path(bucket: &str, key: &str) -> String {
    /// Slashes of a key are its own.
    const KEY: &AsciiSet = &PATH_SEGMENT.remove(b'/');
    format!("/{}/{}", utf8_percent_encode(bucket, PATH_SEGMENT), utf8_percent_encode(key, KEY))
}

fn region_header(headers: &HeaderMap) -> Option<String> {
    headers.get("x-amz-bucket-region")?.to_str().ok().map(str::to_owned)
}
