// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// TLS over any stream of motet, by OpenSSL: how to put a protocol's library on top of
/// fibers without letting it wait for anything.
///
/// OpenSSL only ever sees memory. What it wants to send is sent here, what it wants to
/// read is read here, between its calls: so no fiber is switched inside of it, and its
/// queue of errors, of which each thread has one, is nobody else's meanwhile.

#include <motet/mutex.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

namespace examples {

/// What OpenSSL has to say: "shake hands with example.org: certificate has expired".
struct tls_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Certificates, and what to talk about: for many connections. Outlives them. Safe on any
/// thread.
class tls_context {
 public:
  /// For a server, with its chain of certificates and its key, in files as PEM.
  /// @param protocols what it speaks, the best first (ALPN); none: it does not say.
  [[nodiscard]] static tls_context server(const std::string& certificates,
                                          const std::string& key,
                                          std::vector<std::string> protocols = {});
  /// For clients, which believe who is certified by `authorities`, a file; empty: by whom
  /// the system trusts.
  [[nodiscard]] static tls_context client(const std::string& authorities = {},
                                          std::vector<std::string> protocols = {});

 private:
  friend class tls_stream;
  struct free_context {
    void operator()(ssl_ctx_st* c) const noexcept;
  };

  explicit tls_context(bool serves, std::vector<std::string> protocols);

  std::unique_ptr<std::string> protocols_;  ///< As they are on the wire.
  std::unique_ptr<ssl_ctx_st, free_context> context_;
};

/// A connection. One fiber may read while another writes. Same thread only.
class tls_stream {
 public:
  static constexpr motet::duration usual_patience = std::chrono::seconds(10);
  /// How long a goodbye may take.
  static constexpr motet::duration usual_goodbye = std::chrono::milliseconds(500);

  /// Takes over a connection and shakes hands, as its server.
  /// @throws motet::timeout_error if that takes longer than `patience`; tls_error;
  /// std::system_error.
  tls_stream(motet::stream over, const tls_context& as_server,
             motet::duration patience = usual_patience);
  /// The same as a client, which wants to talk to `host` and nobody else.
  tls_stream(motet::stream over, const tls_context& as_client, const std::string& host,
             motet::duration patience = usual_patience);
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;
  /// `close`, if nobody has. Never throws, and takes `usual_goodbye` at most, whatever
  /// goes on: it may run while an exception unwinds the fiber.
  ~tls_stream();

  /// Reads what there is, waiting for at least one byte; empty at the end. Cancelled, it
  /// has consumed nothing.
  /// @throws tls_error also if the connection ends without a goodbye: somebody may have
  /// cut off the rest.
  std::span<std::byte> read(std::span<std::byte> buffer);

  /// Writes all of it. Cancelled half-way, the stream is broken: the peer has a part of
  /// what cannot be understood in parts. `done` counts the bytes that went out whole.
  void write(std::span<const std::byte> data, std::size_t& done);
  void write(std::span<const std::byte> data);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Says goodbye, waits for the peer's, and closes; for `within` at most.
  /// @returns whether the peer has answered, so that all that was written got there.
  bool shut_down(motet::duration within = usual_goodbye);
  /// Says goodbye and closes, without waiting for an answer. Shielded, bounded, silent.
  /// What the peer has sent and nobody has read makes the system reset the connection,
  /// and what was written last may get lost: `shut_down` is for who minds.
  void close() noexcept;

  /// Whether a part of a record has gone out, or an error has ended the talk: then
  /// reading and writing throw.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// What both sides have agreed to speak (ALPN); empty: they have not said.
  [[nodiscard]] std::string protocol() const;
  /// Whom the client wants to talk to (SNI), if it has said.
  [[nodiscard]] std::string server_name() const;
  /// What is below, for its addresses.
  [[nodiscard]] motet::stream& transport() noexcept { return over_; }

 private:
  struct free_ssl {
    void operator()(ssl_st* s) const noexcept;
  };

  void begin(const tls_context& context);
  template <class Call>
  int drive(const char* what, Call call);
  void shake_hands(const char* what, motet::duration patience);
  void flush();
  void send_pending();
  void send_last_words() noexcept;
  bool receive_more();
  void expect_whole() const;
  [[noreturn]] void fail(const std::string& why);

  motet::stream over_;
  motet::mutex sending_;  ///< Records go out in the order in which they were made.
  std::unique_ptr<ssl_st, free_ssl> ssl_;
  bio_st* incoming_;  ///< What the peer has sent; OpenSSL reads it.
  bio_st* outgoing_;  ///< What OpenSSL wants to send.
  bool broken_ = false;
};

}  // namespace examples
