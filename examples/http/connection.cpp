// SPDX-License-Identifier: MIT
#include "examples/http/connection.hpp"

#include "examples/http/exchange.hpp"

#include <motet/cancel_on.hpp>
#include <motet/error.hpp>

#include <exception>
#include <span>
#include <utility>

#include <sys/socket.h>

namespace http {

namespace {

constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";
/// How much of a body that no handler wants is read to save the connection.
constexpr std::uint64_t skipped_at_most = 64 * 1024;
/// Room for bodies.
constexpr std::size_t large_input = 16 * 1024;
/// What an idle connection may keep for the next answers.
constexpr std::size_t kept_output = 1024;

/// A peer that does not read would leave megabytes in the kernel, which go on being sent
/// after an ordinary close.
void reset_on_close(const stream& peer) noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(peer.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

connection::connection(stream& peer, const settings& limits, handler serve)
    : peer_(peer), limits_(limits), serve_(serve), parser_(limits) {}

void connection::enter(phase next, duration within) {
  phase_ = next;
  if (within == duration::max()) {
    clock_->disarm();
  } else {
    clock_->reset(within);
  }
}

void connection::run() {
  const bool in_time = move_on_after(limits_.header, [&](timeout& clock) {
    clock_ = &clock;
    const auto be_the_last = [&] {
      last_ = true;
      if (phase_ == phase::idle) clock.cancel_now("idle, and the server ends");
    };
    const std::stop_callback on_stop(this_fiber::stop_token(), be_the_last);
    serve_requests();
  });
  if (in_time) return;
  if (phase_ == phase::head || phase_ == phase::body) say_late();
  if (phase_ == phase::sending) reset_on_close(peer_);
}

void connection::serve_requests() {
  while (stays_open()) {
    try {
      if (!read_head()) break;
    } catch (const refusal& why) {
      refuse(why);
      break;
    }
    serve_one();
    input_.end_request();
  }
  if (!output_.empty()) send({});
  if (more_may_come_) leave_in_peace();
}

/// @returns whether there is one: false if the peer has gone instead.
bool connection::read_head() {
  parser_.restart();
  if (input_.pending().starts_with("\r\n")) {  // one too many is no harm (RFC 9112, 2.2)
    input_.take(2);
    input_.end_request();
  }
  for (;;) {
    if (input_.begun()) input_.take(parser_.put(input_.pending()));
    if (parser_.head_complete()) break;
    if (!output_.empty()) send({});
    if (!input_.make_room()) {
      if (input_.capacity() >= limits_.head_size) {
        throw refusal(input_.taken() ? 431 : 414, "the head is too long");
      }
      input_.grow(limits_.head_size);
    }
    const bool begun = input_.begun();
    if (begun && phase_ != phase::head) {
      enter(phase::head, limits_.header);  // for all of it: not anew with each byte
    } else if (!begun && phase_ != phase::idle) {
      enter(phase::idle, limits_.idle);
    }
    if (!begun && last_) return false;
    if (input_.receive(peer_) != 0) continue;
    if (!begun) return false;
    throw refusal(400, "half a request");
  }
  input_.end_head();
  keep_ = parser_.keep_alive();
  return true;
}

void connection::serve_one() {
  body_size_ = 0;
  body_begun_ = {};
  continued_ = false;
  if (!parser_.complete()) input_.grow(large_input);  // for its body
  exchange x(*this, input_.head());
  enter(phase::handler, duration::max());
  try {
    serve_(x);
    x.finish();
    skip_body();
  } catch (const refusal& why) {
    // An answer that has begun just ends: its peer sees that something is missing.
    if (x.begun()) {
      keep_ = false;
      more_may_come_ = true;
    } else {
      refuse(why);
    }
  } catch (const std::exception&) {
    if (!x.begun()) {
      refuse(refusal(500, "something went wrong here"));
      send({});
    }
    throw;
  }
}

void connection::refuse(const refusal& why) {
  keep_ = false;
  more_may_come_ = true;
  exchange(*this, {}).answer(why.status(), "text/plain", std::string(why.what()) + "\n");
}

void connection::say_late() {
  move_on_after(1s, [&](timeout& clock) {
    clock_ = &clock;
    refuse(refusal(408, phase_ == phase::head ? "the head took too long"
                                              : "the body took too long"));
    send({});
    leave_in_peace();
  });
}

void connection::ask_for_body() {
  if (!parser_.expects_continue() || std::exchange(continued_, true)) return;
  // Whoever sends the body anyway needs no invitation.
  if (!parser_.complete() && input_.pending().empty()) output_ += continue_line;
}

std::string_view connection::read_body() {
  while (!parser_.complete()) {
    if (!input_.pending().empty()) {
      const std::size_t used = parser_.put(input_.pending());
      input_.take(used);
      body_size_ += parser_.piece().size();
      if (!parser_.piece().empty()) return parser_.piece();
      if (used != 0) continue;
    }
    if (!input_.make_room()) throw refusal(400, "a chunk's head is too long");
    ask_for_body();
    if (!output_.empty()) send({});
    if (body_begun_ == time_point{}) body_begun_ = clock::now();
    phase_ = phase::body;
    clock_->reset_at(body_begun_ + limits_.body + time_for(body_size_, limits_));
    if (input_.receive(peer_) == 0) throw refusal(400, "half a body");
    enter(phase::handler, duration::max());
  }
  return {};
}

/// What the handler has left of it.
void connection::skip_body() {
  if (parser_.complete()) return;
  more_may_come_ = true;
  keep_ = keep_ && (!parser_.expects_continue() || continued_);
  while (keep_ && body_size_ <= skipped_at_most) {
    if (read_body().empty()) {
      more_may_come_ = false;
      return;
    }
  }
  keep_ = false;
}

void connection::flush(std::string_view more) {
  send(more);
  enter(phase::handler, duration::max());
}

void connection::send(std::string_view more) {
  const std::size_t size = output_.size() + more.size();
  enter(phase::sending, limits_.sending + time_for(size, limits_));
  if (more.empty()) {
    peer_.write(output_);
  } else {
    const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(output_)),
                                                 std::as_bytes(std::span(more))};
    peer_.write(pieces);
  }
  output_.clear();
  if (output_.capacity() > kept_output) output_.shrink_to_fit();
}

/// Closing while the peer still sends would reset the connection, and might take our
/// answer with it: first it has to see the end.
void connection::leave_in_peace() {
  peer_.shutdown_send();
  enter(phase::leaving, 1s);
  std::size_t left = skipped_at_most;
  input_.grow(large_input);
  for (;;) {
    input_.take(input_.pending().size());
    input_.end_request();
    (void)input_.make_room();
    const std::size_t got = input_.receive(peer_);
    if (got == 0 || got > left) return;
    left -= got;
  }
}

}  // namespace http
