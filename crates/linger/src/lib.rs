//! A socket that is closed only when its peer has read everything.
//!
//! The AWS SDK for JavaScript says GOAWAY while an answer is still coming. Once that is written the HTTP/2 connection is
//! done and would be dropped at once; window updates that arrive then meet a closed socket, the kernel answers with a
//! reset, and the reset throws away what the SDK has not read yet: a stream that ends early, without an error. So after
//! our last byte we only say that there is no more, and read on until the peer closes.
//!
//! And [TLS](tls) on top of it, and [what goes on](activity) on it. A crate of its own because both listeners need these, and the
//! emulator may not use the gateway. It knows sockets alone.

pub mod activity;
pub mod tls;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use activity::Activity;

/// A TCP connection with a lingering close.
#[derive(Debug)]
pub struct Lingering {
    stream: TcpStream,
    /// Set once our side is closed: how long the peer has to close its own.
    closing: Option<Pin<Box<Sleep>>>,
    activity: Activity,
}

/// A peer that has not read the rest by then is not reading.
const LINGER: Duration = Duration::from_secs(5);

impl Lingering {
    /// The connection, still open on both sides.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, closing: None, activity: Activity::default() }
    }

    /// What goes on on it.
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// Takes note of what became of a write.
    fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.activity.blocked(outcome.is_pending());
        if let Poll::Ready(Ok(bytes)) = &outcome {
            self.activity.moved(*bytes);
        }
        outcome
    }

    /// Reads and forgets until the peer closes, or the time is up.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 1024];
        loop {
            let mut unread = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut unread) {
                Poll::Ready(Ok(())) if !unread.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        self.closing.as_mut().map_or(Poll::Ready(()), |timer| timer.as_mut().poll(cx))
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.activity.moved(buffer.filled().len() - before);
        outcome
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.closing = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        this.poll_drain(cx).map(Ok)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const ANSWER: usize = 100_000;

    #[tokio::test]
    async fn nothing_is_lost_when_the_peer_still_talks() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await?;
            let mut stream = Lingering::new(stream);
            stream.write_all(&[b'a'; ANSWER]).await?;
            stream.stream.readable().await?;
            stream.shutdown().await
        });
        let mut client = TcpStream::connect(address).await?;
        client.write_all(b"a window update that nobody reads").await?;
        let mut first = [0];
        client.read_exact(&mut first).await?;
        client.write_all(b"and another").await?;
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await?;
        assert_eq!(rest.len(), ANSWER - 1);
        drop(client);
        server.await.map_err(io::Error::other)?
    }
}
