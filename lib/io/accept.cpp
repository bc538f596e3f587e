// SPDX-License-Identifier: MIT
#include "lib/core/cancel_tree.hpp"
#include "lib/fiber/life.hpp"
#include "lib/io/intake.hpp"
#include "lib/io/perform.hpp"

#include <motet/detail/timed_scope.hpp>
#include <motet/error.hpp>
#include <motet/fiber.hpp>
#include <motet/scope.hpp>
#include <motet/tcp.hpp>
#include <motet/timeout.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace motet {

namespace {

using detail::scope_chain;
using detail::this_scheduler;

/// How long to wait for descriptors or memory to come free.
constexpr duration back_off = 100ms;

/// There is no way to a peer any more, or was none.
bool is_of_the_network(int error) noexcept {
  return error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN ||
         error == EHOSTDOWN || error == ENONET;
}

/// Errors of one connection that broke before it was taken. The next accept does not have
/// them (accept(2), "Error handling").
bool is_of_the_connection(int error) noexcept {
  return is_of_the_network(error) || error == ECONNABORTED || error == ECONNRESET ||
         error == ETIMEDOUT || error == EPROTO || error == ENOPROTOOPT || error == EPERM;
}

bool is_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// What connections end with when their peer is gone, or the way there (tcp(7): an error
/// that ICMP has told of takes the place of a timeout).
bool is_of_a_peer(int error) noexcept {
  return is_of_the_network(error) || error == ECONNRESET || error == EPIPE ||
         error == ETIMEDOUT || error == ENOTCONN;
}

/// " 127.0.0.1:7000"; nothing if the socket does not know any more.
std::string name_of(const listener& l) {
  try {
    return std::string(" ").append(to_string(l.local()));
  } catch (const std::system_error&) {
    return {};
  }
}

/// "peer 127.0.0.1:5000, peer 127.0.0.1:5001 and 7 more"
std::string enumerate(const std::vector<std::string>& names) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > most)
    text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

/// A connection that broke is its peer's business and no error of the handler.
bool is_broken_connection(const std::system_error& error) noexcept {
  return error.code().category() == std::system_category() &&
         is_of_a_peer(error.code().value());
}

/// Serving one listener: who is being served, and who waits for that to change.
class service {
 public:
  service(listener& from, detail::descriptor& socket, const accept_options& options,
          call_site where, detail::function_ref<void(stream&)> handler)
      : listener_(from),
        socket_(socket),
        options_(options),
        where_(where),
        handler_(handler) {}

  /// Until cancelled or the listener fails.
  [[noreturn]] void accept_into(scope& peers) {
    detail::intake_loop ahead(socket_, multishot_kind::accept);
    for (;;) {
      while (active_ >= options_.max_connections) {
        ahead.pause();
        wait_for_change("a peer to leave");
      }
      std::error_code ec;
      stream peer = listener_.accept(ec, where_);
      if (!ec) {
        start(peers, std::move(peer));
      } else if (is_shortage(ec.value())) {
        wait_out(ec);
      } else {
        throw std::system_error(ec, "accept on" + name_of(listener_));
      }
    }
  }

  /// Gives the peers under way the time that was promised, and tells who needed more.
  void drain(const detail::cancel_scope& peers) {
    const std::string door = name_of(listener_);
    if (options_.grace > duration::zero()) {
      if (!options_.keep_listening) listener_.close();
      detail::timed_scope scope(options_.grace, where_);
      scope.call_it_grace();
      scope.run([&] {
        ask_to_finish(peers);
        while (active_ != 0)
          wait_for_change("peers to finish");
      });
    }
    if (active_ != 0) tell_of_cut(peers, door);
  }

 private:
  /// Their graces end after ours, which has begun: so they can still be named then.
  void ask_to_finish(const detail::cancel_scope& peers) {
    for (auto* peer = peers.children.first; peer != nullptr; peer = peer->next_sibling) {
      try {
        fiber_ref(detail::fiber_handle(peer)).terminate(options_.grace, where_);
      } catch (const std::bad_alloc&) {  // it is not told, but stopped in time
      }
    }
  }

  void tell_of_cut(const detail::cancel_scope& peers, const std::string& door) {
    std::vector<std::string> names;
    for (auto* peer = peers.children.first; peer != nullptr; peer = peer->next_sibling) {
      if (peer->phase != fiber_phase::ended) names.push_back(detail::name_of(*peer));
    }
    if (options_.on_cut) {
      options_.on_cut(names);
    } else if (options_.grace > duration::zero() &&
               !this_scheduler->kernel().simulated()) {
      std::fprintf(stderr, "motet: accept_loop%s: the grace is over for %s\n",
                   door.c_str(), enumerate(names).c_str());
    }
  }

  void start(scope& peers, stream peer) {
    try {
      detail::bind_to_home(peers.spin({.where = where_}, visit(*this, std::move(peer))));
    } catch (const std::system_error& e) {  // no memory for a stack: as no descriptor
      wait_out(e.code());
    } catch (const std::bad_alloc&) {
      wait_out(std::make_error_code(std::errc::not_enough_memory));
    }
  }

  void serve_one(stream& peer) {
    try {
      handler_(peer);
    } catch (const cancelled&) {
      throw;
    } catch (const std::system_error& e) {
      if (options_.on_error || !is_broken_connection(e)) note(std::current_exception());
    } catch (...) {
      note(std::current_exception());
    }
  }

  void note(std::exception_ptr error) {
    if (options_.on_error) {
      options_.on_error(std::move(error));
    } else {
      detail::report_unhandled(this_scheduler->running(), std::move(error));
    }
  }

  void wait_out(std::error_code ec) {
    // One line per shortage: at the limit each peer that leaves lets just one in. None in
    // a simulation, where a test has brought it about.
    const time_point now = clock::now();
    if (now >= quiet_until_ && !this_scheduler->kernel().simulated()) {
      std::fprintf(stderr, "motet: accept on%s: %s; trying again every 100 ms\n",
                   name_of(listener_).c_str(), ec.message().c_str());
    }
    quiet_until_ = now + 10s;
    move_on_after(back_off, [&] { wait_for_change("descriptors or memory"); });
  }

  /// Looks first: a request may have come together with what was waited for before.
  void wait_for_change(const char* what) {
    detail::check(this_scheduler->running(), where_);
    wait_in(*this_scheduler, change_, what, where_);
  }

  /// A peer's place among those served. Its fiber owns it, whether it runs once, more
  /// often, or never.
  class seat {
   public:
    explicit seat(service& s) noexcept : of_(&s) { ++s.active_; }
    seat(seat&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    seat(const seat&) = delete;
    seat& operator=(const seat&) = delete;
    seat& operator=(seat&&) = delete;
    ~seat() {
      if (of_ == nullptr) return;
      --of_->active_;
      if (!of_->change_.empty()) this_scheduler->wake_first(of_->change_);
    }

    [[nodiscard]] service& of() const noexcept { return *of_; }

   private:
    service* of_;
  };

  /// What a peer's fiber runs.
  class visit : public detail::self_named {
   public:
    visit(service& s, stream peer) noexcept : place_(s), peer_(std::move(peer)) {}

    void operator()() { place_.of().serve_one(peer_); }
    /// Nothing if there is no such name, or the handler took the stream.
    [[nodiscard]] std::string fiber_name() const {
      try {
        const endpoint who = peer_ ? peer_.peer() : endpoint();
        return who ? "peer " + to_string(who) : std::string();
      } catch (const std::system_error&) {  // one that broke does not know any more
        return {};
      }
    }

   private:
    seat place_;
    stream peer_;
  };

  listener& listener_;
  detail::descriptor& socket_;
  const accept_options& options_;
  const call_site where_;
  detail::function_ref<void(stream&)> handler_;
  std::size_t active_ = 0;
  time_point quiet_until_ = time_point::min();
  detail::wait_queue change_;
};

/// For the code inside, lifts a shield that was put up further out. The fibers spun in
/// the scopes between stay behind it.
class window {
 public:
  window(scope_chain& chain, detail::cancel_scope* wall) noexcept
      : chain_(chain), closed_(std::exchange(chain.wall, wall)) {}
  window(const window&) = delete;
  window& operator=(const window&) = delete;
  ~window() { chain_.wall = closed_; }

 private:
  scope_chain& chain_;
  detail::cancel_scope* const closed_;
};

std::int32_t next_connection(detail::descriptor& from, call_site where) {
  constexpr const char* what = "a connection";
  if (const auto fd = detail::accept_ahead(from, what, where)) return *fd;
  return detail::perform(accept_request{from.fd()}, what, from.incoming(), where);
}

}  // namespace

stream listener::accept(call_site where) {
  std::error_code ec;
  stream peer = accept(ec, where);
  if (ec) throw std::system_error(ec, "accept on" + name_of(*this));
  return peer;
}

stream listener::accept(std::error_code& ec, call_site where) {
  std::int32_t fd = 0;
  do {
    fd = next_connection(socket_, where);
  } while (is_of_the_connection(-fd));
  ec = fd < 0 ? std::error_code(-fd, std::system_category()) : std::error_code();
  return fd < 0 ? stream() : stream(fd);
}

void listener::close() noexcept {
  file_.remove();
  socket_.close();
}

endpoint listener::local() const {
  sockaddr_storage address{};
  const std::int32_t length =
      detail::ask_kernel(socket_name_call{socket_.fd(), endpoint_side::local, &address});
  if (length < 0) detail::throw_failure(length, "ask for the listener's address");
  return endpoint::from_system(&address, static_cast<std::size_t>(length));
}

void listener::serve(const accept_options& options, call_site where,
                     detail::function_ref<void(stream&)> handler) {
  detail::fiber_state& self = detail::enter_point(detail::here("accept_loop"), where);
  detail::cancel_scope* const outer_wall = self.chain.wall;
  service s(*this, socket_, options, where, handler);
  // A stop of this fiber is not one of its peers: those get their grace first.
  const auto shielded = [&] {
    with_scope({.errors = error_policy::isolate}, [&](scope& peers) {
      const detail::cancel_scope& served = *self.chain.innermost;  // what `peers` is
      try {
        const window open(self.chain, outer_wall);
        s.accept_into(peers);
      } catch (const cancelled& c) {
        const std::string why = "accept_loop: " + to_string(c.reason());
        s.drain(served);
        peers.cancel(why, where);
      }
    });
  };
  shield(shielded, where);
  self.thrown = nullptr;  // caught above, and thrown again here
  detail::throw_pending(self, where);
  throw structure_error("accept_loop ended without being stopped");
}

}  // namespace motet
