// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The grammar of HTTP/1.1 requests. The work is done by Boost.Beast's parser, which
/// parser.cpp hides: it is the only file that knows of it.

#include "examples/http/settings.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace http {

enum class verb { get, head, post, put, remove, options, other };

/// Reads one request after the other. Throws `refusal` at nonsense.
class parser {
 public:
  explicit parser(const settings& limits);
  ~parser();
  parser(const parser&) = delete;
  parser& operator=(const parser&) = delete;

  /// A new request.
  void restart();
  /// Takes what it can use of `bytes`, which the next call is to go on behind. Stops at
  /// the end of the head, behind each piece of the body, and at the end of the request.
  /// @returns how much it took; 0 means that more is needed.
  std::size_t put(std::string_view bytes);

  [[nodiscard]] bool head_complete() const noexcept;
  [[nodiscard]] bool complete() const noexcept;
  /// The piece of the body that the last `put` has found, in the bytes it was given.
  [[nodiscard]] std::string_view piece() const noexcept;

  // Of the head, once that is complete.
  [[nodiscard]] http::verb verb() const noexcept;
  [[nodiscard]] int version() const noexcept;  ///< 10 or 11.
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool chunked() const noexcept;
  [[nodiscard]] bool expects_continue() const noexcept;

 private:
  class grammar;
  std::unique_ptr<grammar> grammar_;
};

}  // namespace http
