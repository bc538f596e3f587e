// SPDX-License-Identifier: MIT
#include "examples/http/parser.hpp"

#include "examples/http/status.hpp"

#include <cctype>
#include <functional>
#include <optional>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>

namespace http {

namespace beast = boost::beast;
using beast::error_code;
using beast::string_view;

namespace {

verb from_beast(beast::http::verb method) noexcept {
  switch (method) {
    case beast::http::verb::get:
      return verb::get;
    case beast::http::verb::head:
      return verb::head;
    case beast::http::verb::post:
      return verb::post;
    case beast::http::verb::put:
      return verb::put;
    case beast::http::verb::delete_:
      return verb::remove;
    case beast::http::verb::options:
      return verb::options;
    default:
      return verb::other;
  }
}

/// What Beast calls as it goes. It copies nothing, and allocates nothing.
class one_request final : public beast::http::basic_parser<true> {
 public:
  explicit one_request(const settings& limits) : limits_(limits) {
    header_limit(static_cast<std::uint32_t>(limits.head_size));
    body_limit(limits.body_size);
  }

  void begin(std::string_view given) noexcept {
    given_ = given;
    piece_ = {};
  }

  [[nodiscard]] std::string_view piece() const noexcept { return piece_; }
  [[nodiscard]] http::verb method() const noexcept { return verb_; }
  [[nodiscard]] int version() const noexcept { return version_; }
  [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }

 private:
  void on_request_impl(beast::http::verb method, string_view, string_view target,
                       int version, error_code&) override {
    if (method == beast::http::verb::unknown) throw refusal(501, "an unknown method");
    if (target.size() > limits_.target_size) throw refusal(414, "the target is too long");
    verb_ = from_beast(method);
    version_ = version;
  }

  void on_field_impl(beast::http::field name, string_view, string_view value,
                     error_code&) override {
    if (++fields_ > limits_.fields) throw refusal(431, "too many fields");
    if (is_header_done()) return;  // a trailer, which says nothing to us
    refuse_folded(value);
    switch (name) {
      case beast::http::field::host:
        if (std::exchange(has_host_, true)) throw refusal(400, "more than one Host");
        break;
      case beast::http::field::content_length:
        // Equal ones in a list are allowed; whoever sends that wants to confuse somebody.
        if (std::exchange(has_length_, true) || value.find(',') != value.npos) {
          throw refusal(400, "more than one Content-Length");
        }
        break;
      case beast::http::field::transfer_encoding:
        if (version_ < 11) throw refusal(400, "HTTP/1.0 has no Transfer-Encoding");
        if (!beast::iequals(value, "chunked")) throw refusal(501, "a coding but chunked");
        break;
      case beast::http::field::expect:
        if (!beast::iequals(value, "100-continue")) throw refusal(417, "what is that?");
        expects_continue_ = version_ >= 11;
        break;
      default:
        break;
    }
  }

  /// Lines that go on in the next were given up (RFC 9112, 5.2): others read
  /// them otherwise than we do. Beast puts them together in a place of its own.
  void refuse_folded(string_view value) const {
    const std::less_equal<const char*> before;
    if (value.empty() || (before(given_.data(), value.data()) &&
                          before(value.data(), given_.data() + given_.size()))) {
      return;
    }
    throw refusal(400, "a folded line");
  }

  void on_header_impl(error_code&) override {
    if (version_ >= 11 && !has_host_) throw refusal(400, "no Host");
  }

  std::size_t on_body_impl(string_view body, error_code&) override {
    piece_ = {body.data(), body.size()};
    return body.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    piece_ = {body.data(), body.size()};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, string_view, int, error_code&) override {}

  const settings& limits_;
  std::string_view given_;
  std::string_view piece_;
  std::size_t fields_ = 0;
  int version_ = 11;
  http::verb verb_ = verb::other;
  bool has_host_ = false;
  bool has_length_ = false;
  bool expects_continue_ = false;
};

/// "GET / HTTP/3.0" is of a version we do not know; "GET / FTP" is nonsense.
bool names_a_version(std::string_view line) noexcept {
  line = line.substr(0, line.find('\r'));
  const std::size_t at = line.rfind(" HTTP/");
  return at != line.npos && line.size() == at + 9 && std::isdigit(line[at + 6]) != 0 &&
         line[at + 7] == '.' && std::isdigit(line[at + 8]) != 0;
}

[[noreturn]] void refuse(const error_code& what, std::string_view bytes) {
  using beast::http::error;
  if (what == error::body_limit) throw refusal(413, "the body is too long");
  if (what == error::header_limit) throw refusal(431, "the head is too long");
  if (what == error::bad_version && names_a_version(bytes)) {
    throw refusal(505, "not this version");
  }
  throw refusal(400, "that is no HTTP");
}

}  // namespace

class parser::grammar {
 public:
  explicit grammar(const settings& limits) : limits_(limits) {}

  const settings& limits_;
  std::optional<one_request> now_;
};

parser::parser(const settings& limits) : grammar_(std::make_unique<grammar>(limits)) {}
parser::~parser() = default;

void parser::restart() {
  grammar_->now_.emplace(grammar_->limits_);
}

std::size_t parser::put(std::string_view bytes) {
  one_request& request = *grammar_->now_;
  request.begin(bytes);
  error_code error;
  const std::size_t used =
      request.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error && error != beast::http::error::need_more) refuse(error, bytes);
  return used;
}

bool parser::head_complete() const noexcept {
  return grammar_->now_->is_header_done();
}
bool parser::complete() const noexcept {
  return grammar_->now_->is_done();
}
std::string_view parser::piece() const noexcept {
  return grammar_->now_->piece();
}
verb parser::verb() const noexcept {
  return grammar_->now_->method();
}
int parser::version() const noexcept {
  return grammar_->now_->version();
}
bool parser::keep_alive() const {
  return grammar_->now_->keep_alive();
}
bool parser::chunked() const noexcept {
  return grammar_->now_->chunked();
}
bool parser::expects_continue() const noexcept {
  return grammar_->now_->expects_continue();
}

}  // namespace http
