// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Taking connections, one by one or each in a fiber of its own.
///
/// A cancelled accept took no connection: it stays in the backlog. One that came first is
/// returned, and the cancellation waits for the next point.

#include <motet/call_site.hpp>
#include <motet/detail/callback.hpp>
#include <motet/detail/descriptor.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/detail/range.hpp>
#include <motet/detail/socket_file.hpp>
#include <motet/endpoint.hpp>
#include <motet/socket_options.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace motet {

struct accept_options {
  /// How many peers are served at a time; more wait in the backlog.
  std::size_t max_connections = std::numeric_limits<std::size_t>::max();
  /// When stopped: how long peers may take to finish before they are stopped too.
  duration grace = {};
  /// Gets the errors of handlers. By default connections that broke are passed over, and
  /// other errors go to `run_options::on_unhandled`.
  detail::callback<void(std::exception_ptr)> on_error = {};
  /// Gets the names of the peers that have to be stopped, just before they are: those
  /// that had not finished when the grace was over. By default a line on stderr names
  /// them, if there was a grace.
  detail::callback<void(std::span<const std::string>)> on_cut = {};
  /// Leaves the listener open during the grace, for whoever takes it over. Otherwise it
  /// is closed as the grace begins, so that new peers are refused and not left waiting.
  bool keep_listening = false;
};

/// A listening socket. Moves, does not copy, and closes when it goes. Same thread only.
class listener {
 public:
  /// Not listening.
  listener() = default;
  /// Takes over a listening socket.
  explicit listener(int fd) noexcept : socket_(fd) {}
  listener(int fd, detail::socket_file file) noexcept
      : socket_(fd), file_(std::move(file)) {}

  /// Takes the next connection; those that broke while they waited are passed over.
  /// @throws closed_error if another fiber closes this. Cancellation point.
  stream accept(call_site where = call_site::here());
  /// As above. Cancellation point.
  stream accept(std::error_code& ec, call_site where = call_site::here());

  /// Serves peers until stopped: calls `handler(stream&)` for each, in a fiber of its
  /// own, "peer 127.0.0.1:5123". A peer's error stays its own. At the descriptor limit it
  /// waits for better times. When stopped it takes no more and gives the peers under way
  /// their `grace`, as `terminate` does: their stop tokens are requested at once. Then it
  /// stops those that are left, and throws `cancelled` when all have ended. Cancellation
  /// point.
  template <class Handler>
  [[noreturn]] void accept_loop(const accept_options& options, Handler&& handler,
                                call_site where = call_site::here()) {
    serve(options, where, [&handler](stream& peer) {
      if constexpr (std::is_invocable_v<Handler&, stream&>) {
        handler(peer);
      } else {
        static_assert(std::is_invocable_v<Handler&, stream>,
                      "accept_loop calls its handler with a motet::stream");
        handler(std::move(peer));
      }
    });
  }
  /// As above. Cancellation point.
  template <class Handler>
  [[noreturn]] void accept_loop(Handler&& handler, call_site where = call_site::here()) {
    accept_loop(accept_options{}, std::forward<Handler>(handler), where);
  }

  /// Closes; a fiber that accepts gets a closed_error. The path of a Unix socket goes.
  /// Never parks.
  void close() noexcept;
  /// Where it listens: tells the port that was picked for port 0. Never parks.
  [[nodiscard]] endpoint local() const;
  /// Sets an option, for the connections it takes from then on as well. Never parks.
  void set(const socket_option& option) { detail::set_option(socket_.fd(), option); }
  /// The socket, still owned by this. Never parks.
  [[nodiscard]] int native_handle() const noexcept { return socket_.fd(); }
  explicit operator bool() const noexcept { return socket_.fd() >= 0; }

  class iterator;
  /// The connections, one by one, for ever. Cancellation point.
  iterator begin();
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  [[noreturn]] void serve(const accept_options& options, call_site where,
                          detail::function_ref<void(stream&)> handler);

  detail::descriptor socket_;
  detail::socket_file file_;
};

/// Walks connections: `for (auto& peer : listener)`.
class listener::iterator {
 public:
  using value_type = stream;
  using difference_type = std::ptrdiff_t;

  explicit iterator(listener& from) : from_(&from) { ++*this; }

  stream& operator*() const noexcept { return peer_; }
  iterator& operator++() {
    peer_ = from_->accept();
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator&, std::default_sentinel_t) noexcept {
    return false;
  }

 private:
  listener* from_;
  mutable stream peer_;
};

inline listener::iterator listener::begin() {
  return iterator(*this);
}

}  // namespace motet
