// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// A request and the answer to it: what handlers are written against.

#include "examples/http/parser.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace http {

class connection;

/// Handlers are straight-line code: they read the body piece by piece and write the
/// answer, and wait in either wherever they have to. What they throw is answered by 500,
/// a `refusal` by its status; if an answer has begun, the connection is closed.
class exchange {
 public:
  exchange(connection& with, std::string_view head);

  // The request. Text is good until the handler returns.
  [[nodiscard]] http::verb verb() const noexcept;
  [[nodiscard]] std::string_view path() const noexcept { return path_; }
  /// The value of a parameter in the target: `ms` of "/slow?ms=20".
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
  /// The first field of this name, without blanks around it. Case does not matter.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const;
  /// Whether the body is sent in chunks, its length unknown to us.
  [[nodiscard]] bool chunked() const noexcept;
  /// The next piece of the body, good until the next call; empty at its end. Sends
  /// "100 Continue" first to who waits for that.
  std::string_view read_body();

  // The answer.
  /// All of it.
  void answer(int status, std::string_view type, std::string_view body,
              std::string_view more_fields = {});
  /// Begins one whose length is known, or one that is sent in chunks.
  void begin(int status, std::string_view type, std::optional<std::uint64_t> size = {});
  /// A piece of it.
  void write(std::string_view piece);
  /// Sends what was written so far: before a wait for something else.
  void flush();
  /// The end of it. Called for handlers that do not.
  void finish();
  [[nodiscard]] bool begun() const noexcept { return state_ != state::nothing; }

 private:
  enum class state { nothing, sized, chunks, until_close, finished };

  void head(int status, std::string_view type, std::string_view more_fields);
  void add_number(std::uint64_t number, int base = 10);

  connection& with_;
  std::string_view head_;
  std::string_view path_;
  std::string_view query_;
  std::uint64_t left_ = 0;  ///< Of an answer whose length is known.
  state state_ = state::nothing;
};

}  // namespace http
