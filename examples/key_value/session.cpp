// SPDX-License-Identifier: MIT
#include "examples/key_value/session.hpp"

#include "examples/key_value/write.hpp"

#include <motet/motet.hpp>

#include <utility>

namespace key_value {

namespace {

/// Pipelined requests are answered by one write, unless there is that much to say.
constexpr std::size_t written_at_once = std::size_t{64} << 10;
/// What is read of a client that waits for an element, to notice when it hangs up.
constexpr std::size_t read_ahead = std::size_t{64} << 10;
/// How long a client that is hung up on may take to notice.
constexpr motet::duration goodbye = std::chrono::seconds(1);

}  // namespace

session::session(server& all, motet::stream& peer)
    : id(++all.connections),
      all_(all),
      peer_(peer),
      input_(peer),
      parser_(all.limits.request),
      out_(2 * all.limits.request.word) {
  ++all_.clients;
}

session::~session() {
  for (const std::string& channel : subscriptions_)
    all_.channels.unsubscribe(channel, *outbox_);
  --all_.clients;
}

void session::serve() {
  motet::move_on_after(all_.limits.idle,
                       [&](motet::timeout& idle) { read_and_answer(idle); });
}

// A stop gets in while this waits for a request, and at no other place but the wait of a
// BLPOP: what was begun is answered.
void session::read_and_answer(motet::timeout& idle) {
  const bool timed = all_.limits.idle != motet::duration::max();
  while (!over_ && read_more()) {
    if (timed) idle.disarm();
    try {
      answer_what_came();
      if (text().size() > 2 * all_.limits.request.word)
        throw protocol_error("too big request");
    } catch (const protocol_error& error) {
      out_.error(std::string("ERR Protocol error: ") + error.what());
      hang_up();
    }
    flush();
    if (timed && !subscribed()) idle.reset(all_.limits.idle);
  }
  say_goodbye();
}

/// What was read and is not yet done with.
std::string_view session::text() const noexcept {
  const auto bytes = input_.buffered();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// @returns false at the end.
bool session::read_more() {
  const std::size_t here = input_.buffered().size();
  return input_.peek(here + 1).size() > here;
}

void session::say_goodbye() {
  if (writer_) {
    outbox_->close();
    motet::shield(all_.limits.patience, [&] { (void)writer_->get().wait(); });
  }
  if (!over_) return;
  // A socket that is closed with something unread takes back what was just written.
  peer_.shutdown_send();
  motet::move_on_after(goodbye, [&] {
    char rest[4096];
    while (!peer_.read(std::as_writable_bytes(std::span(rest))).empty()) {
    }
  });
}

void session::answer_what_came() {
  while (!over_ && parser_.parse(text())) {
    if (!parser_.words().empty()) {
      call c{parser_.words(), all_, *this, out_};
      answer(c);
      if (out_.bytes().size() >= written_at_once) flush();
    }
    input_.consume(parser_.length());
  }
}

void session::flush() {
  if (out_.bytes().empty()) return;
  if (outbox_) {
    outbox_->put(out_.bytes());
  } else {
    write_patiently(peer_, out_.bytes(), all_.limits.patience);
  }
  out_.clear();
}

void session::pop_or_wait(std::vector<std::string> keys, list_end end,
                          waiting_time patience) {
  flush();  // so that what is said below is about the element alone
  waiter turn(all_.waiting, std::move(keys), end);
  {
    const motet::scoped_fiber listener(motet::spin([&] { listen_for(turn); }));
    motet::move_on_after(patience, [&] { turn.wait(); });
  }
  if (turn.given_up()) return hang_up();
  if (turn.got()) {
    out_.array(2);
    out_.text(turn.got()->key);
    out_.text(turn.got()->element);
  } else {
    out_.no_array();
  }
  flush();
  turn.accept();
}

/// Reads on while the client waits.
void session::listen_for(waiter& turn) {
  try {
    while (text().size() < read_ahead) {
      if (!read_more()) return turn.give_up();
    }
  } catch (const std::system_error&) {
    turn.give_up();
  }
}

void session::start_outbox() {
  if (outbox_) return;
  flush();
  outbox_.emplace(motet::this_fiber::self(), all_.limits.unread);
  writer_.emplace(motet::spin([&] { outbox_->write_to(peer_, all_.limits.patience); }));
}

void session::subscribe(std::string_view channel) {
  start_outbox();
  if (all_.channels.subscribe(channel, *outbox_)) subscriptions_.emplace(channel);
  out_.array(3);
  out_.text("subscribe");
  out_.text(channel);
  out_.integer(static_cast<std::int64_t>(subscriptions_.size()));
}

void session::unsubscribe(std::string_view channel) {
  const auto found = subscriptions_.find(channel);
  if (found != subscriptions_.end()) {
    all_.channels.unsubscribe(channel, *outbox_);
    subscriptions_.erase(found);
  }
  out_.array(3);
  out_.text("unsubscribe");
  out_.text(channel);
  out_.integer(static_cast<std::int64_t>(subscriptions_.size()));
}

void session::unsubscribe_all() {
  if (subscriptions_.empty()) {
    out_.array(3);
    out_.text("unsubscribe");
    out_.nothing();
    out_.integer(0);
  }
  while (!subscriptions_.empty())
    unsubscribe(std::string(*subscriptions_.begin()));
}

}  // namespace key_value
