//! TLS for the listeners: h2 and HTTP/1.1 by ALPN, with a given certificate or with one of a CA made here.
//!
//! The CA is for clients on the same machine that insist on https (botocore does with a bearer key). Its certificate is
//! written where a client can be pointed at it (`AWS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS`); with a folder of its own it stays
//! the same from run to run, so that it has to be trusted once. What it signs is for this machine's own names alone.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// How a listener proves who it is. Cheap to clone.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, written or understood.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key do not go together, or one could not be made.
    #[error("{0}")]
    Certificate(String),
}

/// The certificate of the CA, in PEM.
pub const CA_FILE: &str = "ca.pem";
/// Its key, readable by its owner alone.
const KEY_FILE: &str = "ca.key";

impl Tls {
    /// Takes a certificate chain and a private key, both in PEM.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let file = |path: &Path, why: String| TlsError::File { path: path.to_owned(), why };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| file(certificates, error.to_string()))?;
        if chain.is_empty() {
            return Err(file(certificates, "there is no certificate in it".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file(key, error.to_string()))?;
        Self::new(chain, key)
    }

    /// Makes a certificate for this machine's names and `address`, signed by the CA in `folder`, which is made when it
    /// is not there. [`CA_FILE`] in the folder is what clients have to trust.
    ///
    /// # Errors
    /// [`TlsError`] when the folder cannot be used.
    pub fn self_made(folder: &Path, address: IpAddr) -> Result<Self, TlsError> {
        let issuer = Issuer::new(ca_params()?, ca_key(folder)?);
        let key = KeyPair::generate().map_err(made)?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), address.to_string()];
        let mut params = CertificateParams::new(names.to_vec()).map_err(made)?;
        params.distinguished_name = named("outcrop");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &issuer).map_err(made)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|error| TlsError::Certificate(error.to_owned()))?;
        Self::new(vec![certificate.der().clone()], key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let refused = |error: tokio_rustls::rustls::Error| TlsError::Certificate(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(refused)?.with_no_client_auth();
        let mut config = builder.with_single_cert(chain, key).map_err(refused)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands on a connection.
    ///
    /// # Errors
    /// The client speaks something else, or does not trust us.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.0.accept(stream).await
    }
}

fn made(error: rcgen::Error) -> TlsError {
    TlsError::Certificate(format!("a certificate could not be made: {error}"))
}

/// The same in every run, so that a key that was kept goes with the certificate that was kept.
fn ca_params() -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(made)?;
    params.distinguished_name = named("Outcrop local CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn named(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// The key of the CA in a folder: the one that is there, or a new one, with its certificate beside it.
fn ca_key(folder: &Path) -> Result<KeyPair, TlsError> {
    let (key_file, ca_file) = (folder.join(KEY_FILE), folder.join(CA_FILE));
    let file = |path: &Path, why: String| TlsError::File { path: path.to_owned(), why };
    if key_file.exists() && ca_file.exists() {
        let text = std::fs::read_to_string(&key_file).map_err(|error| file(&key_file, error.to_string()))?;
        return KeyPair::from_pem(&text).map_err(|error| file(&key_file, error.to_string()));
    }
    let key = KeyPair::generate().map_err(made)?;
    let certificate = ca_params()?.self_signed(&key).map_err(made)?;
    std::fs::create_dir_all(folder).map_err(|error| file(folder, error.to_string()))?;
    write_secret(&key_file, &key.serialize_pem()).map_err(|error| file(&key_file, error.to_string()))?;
    std::fs::write(&ca_file, certificate.pem()).map_err(|error| file(&ca_file, error.to_string()))?;
    Ok(key)
}

/// Never readable by others, not even for a moment.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;

    /// Talks to `tls` as a client that trusts `ca`; the protocol agreed on.
    async fn agreed(tls: &Tls, ca: &Path, offers: &[&[u8]]) -> io::Result<Option<Vec<u8>>> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(ca).map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
        let (near, far) = tokio::io::duplex(16 * 1024);
        let server = tls.clone();
        let serving = tokio::spawn(async move {
            let mut stream = server.accept(far).await?;
            stream.write_all(b"hello").await?;
            stream.shutdown().await
        });
        let name = "localhost".try_into().map_err(io::Error::other)?;
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, near).await?;
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        assert_eq!(text, "hello");
        serving.await.map_err(io::Error::other)??;
        Ok(protocol)
    }

    #[tokio::test]
    async fn a_ca_that_was_trusted_once_stays_trusted() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let address = Ipv4Addr::LOCALHOST.into();
        let first = Tls::self_made(folder.path(), address).map_err(io::Error::other)?;
        let trusted = folder.path().join("trusted.pem");
        std::fs::copy(folder.path().join(CA_FILE), &trusted)?;
        assert_eq!(agreed(&first, &trusted, &[b"h2", b"http/1.1"]).await?.as_deref(), Some(&b"h2"[..]));
        let second = Tls::self_made(folder.path(), address).map_err(io::Error::other)?;
        assert_eq!(agreed(&second, &trusted, &[b"http/1.1"]).await?.as_deref(), Some(&b"http/1.1"[..]));

        let other = tempfile::tempdir()?;
        let stranger = Tls::self_made(other.path(), address).map_err(io::Error::other)?;
        assert!(agreed(&stranger, &trusted, &[b"h2"]).await.is_err());
        Ok(())
    }

    #[test]
    fn files_that_are_no_certificates_are_named() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("nothing.pem");
        std::fs::write(&path, "nothing")?;
        let error = Tls::from_files(&path, &path).map(|_| ()).expect_err("there is no certificate");
        assert!(error.to_string().contains("nothing.pem"), "{error}");
        Ok(())
    }
}
