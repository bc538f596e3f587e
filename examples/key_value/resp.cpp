// SPDX-License-Identifier: MIT
#include "examples/key_value/resp.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <span>
#include <utility>

namespace key_value {

namespace {

/// What is kept for the next request or answers; more is given back.
constexpr std::size_t words_kept = 1024;
constexpr std::size_t bytes_kept = std::size_t{64} << 10;

bool is_blank(char c) noexcept {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

/// Cuts a line into words. Quoted ones are spelt out in place: they only get shorter.
class line_splitter {
 public:
  explicit line_splitter(std::span<char> line) noexcept : line_(line) {}

  /// @throws protocol_error
  std::optional<std::string_view> next() {
    while (more() && is_blank(line_[from_]))
      ++from_;
    if (!more()) return std::nullopt;
    const std::size_t start = to_ = from_;
    while (more() && !is_blank(line_[from_])) {
      const char c = line_[from_++];
      if (c == '"' || c == '\'') {
        copy_quoted(c);
      } else {
        put(c);
      }
    }
    return std::string_view(&line_[start], to_ - start);
  }

 private:
  [[nodiscard]] bool more() const noexcept { return from_ < line_.size(); }
  void put(char c) noexcept { line_[to_++] = c; }

  void copy_quoted(char quote) {
    while (more()) {
      const char c = line_[from_++];
      if (c == quote) {
        if (more() && !is_blank(line_[from_])) break;
        return;
      }
      if (c != '\\' || !more()) {
        put(c);
      } else if (quote == '"') {
        put(escaped());
      } else if (line_[from_] == '\'') {
        put(line_[from_++]);
      } else {
        put(c);
      }
    }
    throw protocol_error("unbalanced quotes in request");
  }

  char escaped() {
    const char c = line_[from_++];
    if (c == 'x' && from_ + 2 <= line_.size()) {
      unsigned char byte = 0;
      const char* const digits = &line_[from_];
      if (std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
        from_ += 2;
        return static_cast<char>(byte);
      }
    }
    constexpr std::string_view letters = "nrtba";
    const std::size_t which = letters.find(c);
    return which == letters.npos ? c : "\n\r\t\b\a"[which];
  }

  std::span<char> line_;
  std::size_t from_ = 0;
  std::size_t to_ = 0;
};

}  // namespace

void request_parser::start_anew() {
  at_ = 0;
  complete_ = counted_ = false;
  size_.reset();
  places_.clear();
  if (places_.capacity() > words_kept) {
    places_.shrink_to_fit();
    std::vector<std::string_view>().swap(words_);
  }
}

bool request_parser::parse(std::string_view text) {
  if (complete_) start_anew();
  if (text.empty()) return false;
  return text.front() == '*' ? parse_array(text) : parse_line(text);
}

bool request_parser::parse_line(std::string_view text) {
  const std::size_t length = std::min(text.find('\n'), text.size());
  if (length > limits_.line) throw protocol_error("too big inline request");
  if (length == text.size()) return false;
  line_ = text.substr(0, length);
  if (line_.ends_with('\r')) line_.pop_back();
  line_splitter line(line_);
  while (const auto word = line.next())
    places_.push_back(
        {static_cast<std::size_t>(word->data() - line_.data()), word->size()});
  at_ = length + 1;
  return complete(line_);
}

/// The rest of the line, without its end. As Redis, it takes "\r" and any byte for one.
std::optional<std::string_view> request_parser::take_line(std::string_view text,
                                                          const char* too_long) {
  const std::string_view rest = text.substr(at_);
  const std::size_t length = std::min(rest.find('\r'), rest.size());
  if (length > limits_.line) throw protocol_error(too_long);
  if (length + 2 > rest.size()) return std::nullopt;
  at_ += length + 2;
  return rest.substr(0, length);
}

bool request_parser::parse_array(std::string_view text) {
  if (!counted_) {
    const auto line = take_line(text, "too big mbulk count string");
    if (!line) return false;
    const auto count = to_integer(line->substr(1));
    if (!count || *count > static_cast<std::int64_t>(limits_.words))
      throw protocol_error("invalid multibulk length");
    left_ = static_cast<std::size_t>(std::max<std::int64_t>(*count, 0));
    counted_ = true;
  }
  for (; left_ > 0; --left_) {
    if (!parse_word(text)) return false;
  }
  return complete(text);
}

bool request_parser::parse_word(std::string_view text) {
  if (!size_) {
    if (at_ == text.size()) return false;
    const char kind = text[at_];
    // Redis looks at the kind once the line is there, and so do we.
    const auto line = take_line(text, "too big bulk count string");
    if (!line) return false;
    if (kind != '$')
      throw protocol_error(std::string("expected '$', got '") + kind + "'");
    const auto size = to_integer(line->substr(1));
    if (!size || *size < 0 || *size > static_cast<std::int64_t>(limits_.word))
      throw protocol_error("invalid bulk length");
    size_ = static_cast<std::size_t>(*size);
  }
  if (text.size() - at_ < *size_ + 2) return false;
  places_.push_back({at_, *size_});
  at_ += *size_ + 2;
  size_.reset();
  return true;
}

bool request_parser::complete(std::string_view text) {
  words_.clear();
  for (const place& p : places_)
    words_.push_back(text.substr(p.at, p.size));
  return complete_ = true;
}

std::optional<std::int64_t> to_integer(std::string_view text) noexcept {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || last != end) return std::nullopt;
  const bool zero_first = text.front() == '0' || text.starts_with("-0");
  if (zero_first && text.size() > 1) return std::nullopt;
  return number;
}

void answers::line(char kind, std::int64_t number) {
  char line[24] = {kind};
  char* const end = std::to_chars(line + 1, line + sizeof line - 2, number).ptr;
  end[0] = '\r';
  end[1] = '\n';
  bytes_.append(line, end + 2);
}

void answers::integer(std::int64_t number) {
  line(':', number);
}

void answers::text(std::string_view text) {
  if (text.size() > most_ - std::min(bytes_.size(), most_))
    throw std::length_error("answer too large");
  line('$', static_cast<std::int64_t>(text.size()));
  bytes_ += text;
  bytes_ += "\r\n";
}

void answers::number(std::int64_t number) {
  text(std::to_string(number));
}

void answers::status(std::string_view text) {
  bytes_ += '+';
  bytes_ += text;
  bytes_ += "\r\n";
}

void answers::error(std::string_view text) {
  bytes_ += '-';
  const std::size_t start = bytes_.size();
  bytes_ += text;
  // Words of the client may be in it; they must not end the line.
  std::replace_if(
      bytes_.begin() + static_cast<std::ptrdiff_t>(start), bytes_.end(),
      [](char c) { return c == '\r' || c == '\n'; }, ' ');
  bytes_ += "\r\n";
}

void answers::clear() {
  bytes_.clear();
  if (bytes_.capacity() > 2 * bytes_kept) bytes_.shrink_to_fit();
}

}  // namespace key_value
