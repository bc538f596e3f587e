// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A connection: requests one after the other, each with its deadlines.

#include "examples/http/input.hpp"
#include "examples/http/parser.hpp"
#include "examples/http/settings.hpp"
#include "examples/http/status.hpp"

#include <motet/stream.hpp>
#include <motet/timeout.hpp>

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace http {

class exchange;

/// Lives in the frame of the fiber that serves it.
class connection {
 public:
  using handler = void (*)(exchange& x);

  connection(stream& peer, const settings& limits, handler serve);

  /// Serves until the peer, an error or a deadline ends it. When the fiber's stop token
  /// is requested, the request under way is the last one, and an idle connection ends.
  void run();

  // For the exchange.
  [[nodiscard]] const parser& request() const noexcept { return parser_; }
  /// Whether there will be another request after this one.
  [[nodiscard]] bool stays_open() const noexcept { return keep_ && !last_; }
  void close_after_this() noexcept { keep_ = false; }
  std::string_view read_body();
  /// Says "100 Continue" to a peer that waits for it, before anything else is said.
  void ask_for_body();
  /// What is to be sent with the next `flush`, or before a wait for the peer.
  [[nodiscard]] std::string& output() noexcept { return output_; }
  /// Sends the output, and `more` behind it.
  void flush(std::string_view more = {});

 private:
  /// What is waited for, and so what the deadline is for.
  enum class phase : std::uint8_t { idle, head, body, handler, sending, leaving };

  void serve_requests();
  bool read_head();
  void serve_one();
  void say_late();
  void refuse(const refusal& why);
  void skip_body();
  void leave_in_peace();
  void enter(phase next, duration within);
  void send(std::string_view more);

  stream& peer_;
  const settings& limits_;
  const handler serve_;
  timeout* clock_ = nullptr;
  parser parser_;
  std::string output_;
  std::uint64_t body_size_ = 0;  ///< As far as it has come.
  time_point body_begun_{};      ///< The wait for it.
  phase phase_ = phase::idle;
  bool keep_ = true;
  bool last_ = false;           ///< The server is about to end.
  bool continued_ = false;      ///< "100 Continue" was sent.
  bool more_may_come_ = false;  ///< Of what we do not want to read any more.
  input input_;
};

}  // namespace http
