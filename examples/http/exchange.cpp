// SPDX-License-Identifier: MIT
#include "examples/http/exchange.hpp"

#include "examples/http/connection.hpp"
#include "examples/http/date.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace http {

namespace {

constexpr std::size_t large_output = 16 * 1024;

/// Cuts off `text` what comes before `mark`, and the mark; all of it if there is none.
std::string_view cut(std::string_view& text, std::string_view mark) noexcept {
  const std::size_t at = text.find(mark);
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + mark.size());
  return before;
}

bool same_name(std::string_view one, std::string_view other) noexcept {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  const std::size_t last = text.find_last_not_of(" \t");
  return last == text.npos ? std::string_view() : text.substr(first, last + 1 - first);
}

}  // namespace

exchange::exchange(connection& with, std::string_view head) : with_(with), head_(head) {
  std::string_view line = cut(head_, "\r\n");
  cut(line, " ");
  query_ = cut(line, " ");
  if (!query_.starts_with('/') && cut(query_, "://").size() != query_.size()) {
    query_.remove_prefix(std::min(query_.find('/'), query_.size()));  // of a proxy's form
  }
  path_ = cut(query_, "?");
}

verb exchange::verb() const noexcept {
  return with_.request().verb();
}

bool exchange::chunked() const noexcept {
  return with_.request().chunked();
}

std::optional<std::string_view> exchange::parameter(std::string_view name) const {
  for (std::string_view left = query_; !left.empty();) {
    std::string_view value = cut(left, "&");
    if (cut(value, "=") == name) return value;
  }
  return {};
}

std::optional<std::string_view> exchange::field(std::string_view name) const {
  for (std::string_view left = head_; !left.empty();) {
    std::string_view value = cut(left, "\r\n");
    if (same_name(cut(value, ":"), name)) return trimmed(value);
  }
  return {};
}

std::string_view exchange::read_body() {
  return with_.read_body();
}

void exchange::add_number(std::uint64_t number, int base) {
  char digits[24];
  const auto done = std::to_chars(digits, digits + sizeof digits, number, base);
  with_.output().append(digits, done.ptr);
}

void exchange::head(int status, std::string_view type, std::string_view more_fields) {
  std::string& out = with_.output();
  out += "HTTP/1.1 ";
  add_number(static_cast<std::uint64_t>(status));
  out += ' ';
  out += reason_of(status);
  out += "\r\nDate: ";
  out += date_now();
  if (!type.empty()) {
    out += "\r\nContent-Type: ";
    out += type;
  }
  out += more_fields;
  if (!with_.stays_open()) {
    out += "\r\nConnection: close";
  } else if (with_.request().version() < 11) {
    out += "\r\nConnection: keep-alive";
  }
}

void exchange::answer(int status, std::string_view type, std::string_view body,
                      std::string_view more_fields) {
  std::string& out = with_.output();
  head(status, type, more_fields);
  out += "\r\nContent-Length: ";
  add_number(body.size());
  out += "\r\n\r\n";
  state_ = state::finished;
  if (verb() == verb::head) return;
  if (body.size() > large_output) {
    with_.flush(body);
  } else {
    out += body;
    if (out.size() > large_output) with_.flush();
  }
}

void exchange::begin(int status, std::string_view type,
                     std::optional<std::uint64_t> size) {
  with_.ask_for_body();
  if (size) {
    state_ = state::sized;
    left_ = *size;
    head(status, type, {});
    with_.output() += "\r\nContent-Length: ";
    add_number(*size);
  } else if (with_.request().version() < 11) {  // which knows no chunks
    state_ = state::until_close;
    with_.close_after_this();
    head(status, type, {});
  } else {
    state_ = state::chunks;
    head(status, type, "\r\nTransfer-Encoding: chunked");
  }
  with_.output() += "\r\n\r\n";
}

void exchange::write(std::string_view piece) {
  if (piece.empty() || verb() == verb::head) return;
  std::string& out = with_.output();
  if (state_ == state::sized) {
    if (piece.size() > left_) throw std::logic_error("more than was announced");
    left_ -= piece.size();
  } else if (state_ == state::chunks) {
    add_number(piece.size(), 16);
    out += "\r\n";
  }
  out += piece;
  if (state_ == state::chunks) out += "\r\n";
  if (out.size() > large_output) with_.flush();
}

void exchange::flush() {
  with_.flush();
}

void exchange::finish() {
  if (state_ == state::nothing) throw std::logic_error("the handler has not answered");
  if (state_ == state::sized && left_ != 0 && verb() != verb::head) {
    throw std::logic_error("less than was announced");
  }
  if (state_ == state::chunks && verb() != verb::head) with_.output() += "0\r\n\r\n";
  state_ = state::finished;
}

}  // namespace http
