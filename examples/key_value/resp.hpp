// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// RESP2, the protocol of Redis: requests in, answers out. Bytes only: no sockets here.
///
/// A request is an array of bulk strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or a line of
/// words for those who type it, `GET k\r\n`.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace key_value {

/// What a client may ask us to hold.
struct request_limits {
  std::size_t word = std::size_t{512} << 20;  ///< Bytes of one bulk string.
  std::size_t words = std::size_t{1} << 20;   ///< Of one request.
  std::size_t line = std::size_t{64} << 10;   ///< Bytes of a line.
};

/// What came is no request, and nobody knows where the next one begins.
class protocol_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Finds the words of a request in the buffer it is read into, however it was cut into
/// pieces on its way. But for lines, nothing is copied, nor looked at twice.
class request_parser {
 public:
  explicit request_parser(const request_limits& limits) noexcept : limits_(limits) {}

  /// Goes on with a request. `text` begins where the request does, each time; since the
  /// last call it may have moved, and it has grown at its end.
  /// @returns whether the request is complete; the next call is about the next one.
  /// @throws protocol_error
  bool parse(std::string_view text);

  /// Of the complete request, good as long as the text. None if it was empty, which is no
  /// mistake.
  [[nodiscard]] std::span<const std::string_view> words() const noexcept {
    return words_;
  }
  /// How much of the text was the complete request.
  [[nodiscard]] std::size_t length() const noexcept { return at_; }

 private:
  struct place {  // words by their distance from the start: the buffer may move
    std::size_t at;
    std::size_t size;
  };

  void start_anew();
  bool parse_line(std::string_view text);
  bool parse_array(std::string_view text);
  bool parse_word(std::string_view text);
  std::optional<std::string_view> take_line(std::string_view text, const char* too_long);
  bool complete(std::string_view text);

  const request_limits limits_;
  std::size_t at_ = 0;  ///< Up to here the text is understood.
  bool complete_ = false;
  bool counted_ = false;             ///< Whether the array's first line was read.
  std::size_t left_ = 0;             ///< Words that are to come.
  std::optional<std::size_t> size_;  ///< Of the word at `at_`, once known.
  std::string line_;                 ///< With its quoted words spelt out.
  std::vector<place> places_;
  std::vector<std::string_view> words_;
};

/// A number as Redis reads it: no blanks, no plus, no zeros in front.
[[nodiscard]] std::optional<std::int64_t> to_integer(std::string_view text) noexcept;

/// Answers, one after the other, as they go over the wire.
class answers {
 public:
  /// @param most how many bytes at a time: texts that would not fit throw a
  /// std::length_error.
  explicit answers(std::size_t most) noexcept : most_(most) {}

  void status(std::string_view text);
  /// @param text begins with a code, as "ERR" or "WRONGTYPE".
  void error(std::string_view text);
  void integer(std::int64_t number);
  void text(std::string_view text);
  void number(std::int64_t number);  ///< As text.
  void nothing() { bytes_ += "$-1\r\n"; }
  void no_array() { bytes_ += "*-1\r\n"; }
  /// The next `size` answers are one array.
  void array(std::size_t size) { line('*', static_cast<std::int64_t>(size)); }

  void append(const answers& more) { bytes_ += more.bytes_; }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  void clear();
  /// Takes back what came after the first `size` bytes.
  void take_back(std::size_t size) { bytes_.resize(size); }

 private:
  void line(char kind, std::int64_t number);

  const std::size_t most_;
  std::string bytes_;
};

}  // namespace key_value
