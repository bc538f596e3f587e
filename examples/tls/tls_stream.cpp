// SPDX-License-Identifier: MIT
#include "examples/tls/tls_stream.hpp"

#include <motet/cancel.hpp>
#include <motet/error.hpp>
#include <motet/shield.hpp>
#include <motet/timeout.hpp>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace examples {

using namespace motet;

namespace {

/// The oldest of the errors in OpenSSL's queue, which is empty then.
std::string take_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection has ended";
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

void check(int good, const std::string& what) {
  if (good != 1) throw tls_error(what + ": " + take_error());
}

template <class T>
T* check(T* made, const char* what) {
  check(made != nullptr ? 1 : 0, what);
  return made;
}

/// ALPN's form: each name after its length.
std::string on_the_wire(const std::vector<std::string>& protocols) {
  std::string all;
  for (const std::string& name : protocols)
    all += static_cast<char>(name.size()) + name;
  return all;
}

const unsigned char* bytes_of(const std::string& text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// Ours is the order that counts. A client that speaks nothing of it is sent away.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void* ours) {
  const auto& wanted = *static_cast<const std::string*>(ours);
  unsigned char* found = nullptr;
  const int how =
      SSL_select_next_proto(&found, size, bytes_of(wanted),
                            static_cast<unsigned>(wanted.size()), offered, offered_size);
  *chosen = found;
  return how == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool is_address(const std::string& host) noexcept {
  in6_addr room{};
  return ::inet_pton(AF_INET, host.c_str(), &room) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

/// As much as a record holds: each is encrypted, and sent, before the next.
constexpr std::size_t record = std::size_t{16} * 1024;

}  // namespace

void tls_context::free_context::operator()(ssl_ctx_st* c) const noexcept {
  SSL_CTX_free(c);
}

tls_context::tls_context(bool serves, std::vector<std::string> protocols)
    : protocols_(std::make_unique<std::string>(on_the_wire(protocols))) {
  ERR_clear_error();
  context_.reset(check(SSL_CTX_new(serves ? TLS_server_method() : TLS_client_method()),
                       "prepare for TLS"));
  SSL_CTX* const c = context_.get();
  check(static_cast<int>(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION)),
        "ask for TLS 1.2");
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // What a quiet connection does not need, it does not hold: 34 kB each.
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
  if (protocols_->empty()) return;
  SSL_CTX_set_alpn_select_cb(c, &choose_protocol, protocols_.get());  // as a server
  // The one function of OpenSSL that returns 0 for success.
  const auto size = static_cast<unsigned>(protocols_->size());
  check(SSL_CTX_set_alpn_protos(c, bytes_of(*protocols_), size) == 0 ? 1 : 0,
        "offer protocols");
}

tls_context tls_context::server(const std::string& certificates, const std::string& key,
                                std::vector<std::string> protocols) {
  tls_context made(true, std::move(protocols));
  SSL_CTX* const c = made.context_.get();
  check(SSL_CTX_use_certificate_chain_file(c, certificates.c_str()),
        "read certificates from " + certificates);
  check(SSL_CTX_use_PrivateKey_file(c, key.c_str(), SSL_FILETYPE_PEM),
        "read the key from " + key);
  check(SSL_CTX_check_private_key(c), key + " for " + certificates);
  return made;
}

tls_context tls_context::client(const std::string& authorities,
                                std::vector<std::string> protocols) {
  tls_context made(false, std::move(protocols));
  SSL_CTX* const c = made.context_.get();
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  check(authorities.empty() ? SSL_CTX_set_default_verify_paths(c)
                            : SSL_CTX_load_verify_file(c, authorities.c_str()),
        "read authorities from " + authorities);
  return made;
}

void tls_stream::free_ssl::operator()(ssl_st* s) const noexcept {
  SSL_free(s);
}

void tls_stream::begin(const tls_context& context) {
  ERR_clear_error();
  ssl_.reset(check(SSL_new(context.context_.get()), "begin with TLS"));
  incoming_ = check(BIO_new(BIO_s_mem()), "begin with TLS");
  SSL_set0_rbio(ssl_.get(), incoming_);
  outgoing_ = check(BIO_new(BIO_s_mem()), "begin with TLS");
  SSL_set0_wbio(ssl_.get(), outgoing_);
}

tls_stream::tls_stream(stream over, const tls_context& as_server, duration patience)
    : over_(std::move(over)) {
  begin(as_server);
  SSL_set_accept_state(ssl_.get());
  shake_hands("shake hands with a client", patience);
}

tls_stream::tls_stream(stream over, const tls_context& as_client, const std::string& host,
                       duration patience)
    : over_(std::move(over)) {
  begin(as_client);
  SSL* const s = ssl_.get();
  SSL_set_connect_state(s);
  if (is_address(host)) {  // which certificates name, but SNI does not
    check(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s), host.c_str()), host);
  } else {
    check(SSL_set1_host(s, host.c_str()), host);
    // What SSL_set_tlsext_host_name is a macro for, which casts as C does.
    const long set = SSL_ctrl(s, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                              const_cast<char*>(host.c_str()));
    check(static_cast<int>(set), host);
  }
  shake_hands(("shake hands with " + host).c_str(), patience);
}

tls_stream::~tls_stream() {
  close();
}

/// Calls OpenSSL until it has done what it is asked to. Before each call its queue is
/// emptied, after each call what it has to send goes out.
template <class Call>
int tls_stream::drive(const char* what, Call call) {
  for (;;) {
    ERR_clear_error();
    const int done = call(ssl_.get());
    const int how = SSL_get_error(ssl_.get(), done);
    if (how == SSL_ERROR_SSL || how == SSL_ERROR_SYSCALL) {
      const long verified = SSL_get_verify_result(ssl_.get());
      const std::string why = take_error();
      send_last_words();  // for the peer: an alert
      fail(std::string(what) + ": " +
           (verified == X509_V_OK ? why : X509_verify_cert_error_string(verified)));
    }
    send_pending();
    if (how == SSL_ERROR_NONE) return done;
    if (how == SSL_ERROR_ZERO_RETURN) return 0;
    if (!receive_more())
      fail(std::string(what) + ": the peer has hung up without a goodbye");
  }
}

void tls_stream::shake_hands(const char* what, duration patience) {
  cancel_after(patience, with_exception<timeout_error>(std::string(what)),
               [&] { drive(what, &SSL_do_handshake); });
}

std::span<std::byte> tls_stream::read(std::span<std::byte> buffer) {
  expect_whole();
  checkpoint();
  if (buffer.empty()) return buffer;
  const auto most = static_cast<int>(std::min(buffer.size(), record));
  const int got =
      drive("read by TLS", [&](SSL* s) { return SSL_read(s, buffer.data(), most); });
  return buffer.first(static_cast<std::size_t>(got));
}

void tls_stream::write(std::span<const std::byte> data, std::size_t& done) {
  done = 0;
  const std::lock_guard order(sending_);  // a point: cancelled there, nothing has begun
  while (done < data.size()) {
    expect_whole();
    checkpoint();
    const auto piece = data.subspan(done, std::min(data.size() - done, record));
    ERR_clear_error();
    const int size = static_cast<int>(piece.size());
    // Into memory there is always room: all of it, or an error.
    if (SSL_write(ssl_.get(), piece.data(), size) != size)
      fail("write by TLS: " + take_error());
    flush();
    done += piece.size();
  }
}

void tls_stream::write(std::span<const std::byte> data) {
  std::size_t done = 0;
  write(data, done);
}

/// Sends all that OpenSSL wants to send. Cut short, the peer has a part of a record, and
/// the rest is lost.
void tls_stream::flush() try {
  std::array<std::byte, 4096> room;
  for (;;) {
    const int got = BIO_read(outgoing_, room.data(), static_cast<int>(room.size()));
    if (got <= 0) return;
    over_.write(std::span(room).first(static_cast<std::size_t>(got)));
  }
} catch (...) {
  broken_ = true;
  throw;
}

/// The same for what reading has to say now and then, while another fiber may write.
void tls_stream::send_pending() {
  if (BIO_ctrl_pending(outgoing_) == 0) return;
  const std::lock_guard order(sending_);
  flush();
}

/// @returns false at the end.
bool tls_stream::receive_more() {
  std::array<std::byte, 4096> room;
  const std::span<std::byte> got = over_.read(room);
  if (!got.empty()) BIO_write(incoming_, got.data(), static_cast<int>(got.size()));
  return !got.empty();
}

void tls_stream::expect_whole() const {
  if (broken_) throw tls_error("a TLS stream that was cut short cannot be gone on with");
}

void tls_stream::fail(const std::string& why) {
  broken_ = true;
  throw tls_error(why);
}

/// What is waiting to go out, for `usual_goodbye` at most and whatever was asked of this
/// fiber. Not after half a record: the peer could not tell it from the other half.
void tls_stream::send_last_words() noexcept {
  if (broken_) return;
  try {
    static_cast<void>(shield(usual_goodbye, [&] { send_pending(); }));
  } catch (...) {  // the peer has gone already: there is nobody to be told
  }
}

bool tls_stream::shut_down(duration within) {
  bool answered = false;
  if (!broken_ && over_) {
    try {
      answered = move_on_after(within, [&] {
        drive("say goodbye", [](SSL* s) {
          const int how = SSL_shutdown(s);
          return how == 0 ? 1 : how;  // ours is said
        });
        std::array<std::byte, 1024> unread;
        while (!read(unread).empty()) {
        }
      });
    } catch (const tls_error&) {  // it has hung up, as many do, or
    } catch (const std::system_error&) {
    }
  }
  over_.close();
  return answered;
}

void tls_stream::close() noexcept {
  if (!over_) return;
  ERR_clear_error();
  if (!broken_) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  send_last_words();
  over_.close();
}

std::string tls_stream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string tls_stream::server_name() const {
  const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

}  // namespace examples
