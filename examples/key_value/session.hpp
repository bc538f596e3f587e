// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// One client: a fiber that reads its requests and answers them.

#include "examples/key_value/channels.hpp"
#include "examples/key_value/outbox.hpp"
#include "examples/key_value/resp.hpp"
#include "examples/key_value/store.hpp"
#include "examples/key_value/waiting.hpp"

#include <motet/buffered_reader.hpp>
#include <motet/fiber.hpp>
#include <motet/stream.hpp>
#include <motet/time.hpp>
#include <motet/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace key_value {

struct limits {
  request_limits request;
  motet::duration idle = motet::duration::max();        ///< Between two requests.
  motet::duration patience = std::chrono::seconds(10);  ///< For clients that do not read.
  std::size_t unread = 32 * 1024 * 1024;  ///< Bytes that a subscriber may lag behind.
};

using waiting_time = std::chrono::duration<double>;

/// What all clients share.
struct server {
  explicit server(const struct limits& l) : limits(l) {}

  const struct limits limits;
  store data;
  waiting_line waiting{data};
  key_value::channels channels;

  motet::time_point started = motet::clock::now();
  std::size_t clients = 0;
  std::int64_t connections = 0;
  std::int64_t commands = 0;
};

class session {
 public:
  session(server& all, motet::stream& peer);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session();

  /// Answers requests until the client hangs up. Cancellation point.
  void serve();

  // For the commands.

  /// What follows is not read any more.
  void hang_up() noexcept { over_ = true; }
  void subscribe(std::string_view channel);
  void unsubscribe(std::string_view channel);
  void unsubscribe_all();
  [[nodiscard]] bool subscribed() const noexcept { return !subscriptions_.empty(); }
  /// Answers with an element of one of the lists; with none if no one puts one in while
  /// it waits. Cancellation point.
  void pop_or_wait(std::vector<std::string> keys, list_end end, waiting_time patience);

  const std::int64_t id;
  std::string name;

 private:
  void read_and_answer(motet::timeout& idle);
  [[nodiscard]] std::string_view text() const noexcept;
  bool read_more();
  void answer_what_came();
  void say_goodbye();
  void flush();
  void listen_for(waiter& turn);
  void start_outbox();

  server& all_;
  motet::stream& peer_;
  motet::buffered_reader input_;
  request_parser parser_;
  answers out_;
  bool over_ = false;
  std::set<std::string, std::less<>> subscriptions_;
  // Only subscribers have these.
  std::optional<outbox> outbox_;
  std::optional<motet::scoped_fiber> writer_;
};

/// A request that is being answered.
struct call {
  std::span<const std::string_view> words;  ///< The first is the command.
  server& all;
  session& client;
  answers& out;
};

/// Calls the command. What is wrong with the request becomes its answer.
void answer(call& c);

}  // namespace key_value
