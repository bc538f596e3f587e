// SPDX-License-Identifier: MIT
#include "lib/io/attempts.hpp"

#include "lib/io/perform.hpp"
#include "lib/io/socket_name.hpp"

#include <motet/event.hpp>
#include <motet/scope.hpp>
#include <motet/timeout.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

namespace motet::detail {

namespace {

/// What RFC 8305 recommends ("Connection Attempt Delay").
constexpr duration patience = 250ms;

/// The attempts to reach one host.
class attempts {
 public:
  attempts(std::vector<endpoint> addresses, call_site where)
      : addresses_(std::move(addresses)), results_(addresses_.size()), where_(where) {}

  stream race() {
    with_scope([&](scope& all) {
      while (!won_ && (next_ < addresses_.size() || under_way_ > 0)) {
        if (next_ < addresses_.size()) start(all);
        wait_for_news();
      }
      all.cancel("another address was faster");
    });
    return std::move(won_);
  }

  [[noreturn]] void fail(const std::string& name) const {
    std::string what = "connect " + name + ": tried ";
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      what.append(i == 0 ? "" : ", ").append(addresses_[i].address());
      if (addresses_.size() > 1)
        what.append(" (").append(to_code(results_[i]).message()).append(")");
    }
    throw_failure(results_.back(), what);
  }

 private:
  void start(scope& all) {
    ++under_way_;
    all.spin({.name = "connect " + to_string(addresses_[next_]), .where = where_},
             [this, index = next_] { attempt(index); });
    ++next_;
  }

  void attempt(std::size_t index) {
    stream made = connect_stream(addresses_[index], results_[index], where_);
    // A second one that came through in the same moment is closed.
    if (made && !won_) won_ = std::move(made);
    --under_way_;
    news_.set();
  }

  /// Until an attempt has ended, or it is time for the next one.
  void wait_for_news() {
    news_.reset();
    if (next_ == addresses_.size()) return news_.wait(where_);
    move_on_after(patience, [&] { news_.wait(where_); });
  }

  const std::vector<endpoint> addresses_;
  std::vector<std::int32_t> results_;
  const call_site where_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  event news_;
  stream won_;
};

}  // namespace

stream connect_stream(const endpoint& to, std::int32_t& result, call_site where) {
  result = ask_kernel(open_stream_call{address_of(to)->sa_family});
  if (result < 0) return {};
  descriptor socket(result);
  result = perform(connect_request{socket.fd(), address_of(to), length_of(to)},
                   "a connection to be made", socket.outgoing(), where);
  if (result < 0) return {};
  return stream(socket.release());
}

std::vector<endpoint> interleaved(std::vector<endpoint> addresses) {
  const auto is_six = [](const endpoint& e) {
    return address_of(e)->sa_family == AF_INET6;
  };
  if (addresses.empty()) return addresses;
  const bool first = is_six(addresses.front());
  const auto others =
      std::stable_partition(addresses.begin(), addresses.end(),
                            [&](const endpoint& e) { return is_six(e) == first; });
  std::vector<endpoint> mixed;
  mixed.reserve(addresses.size());
  auto one = addresses.begin();
  auto other = others;
  while (one != others || other != addresses.end()) {
    if (one != others) mixed.push_back(*one++);
    if (other != addresses.end()) mixed.push_back(*other++);
  }
  return mixed;
}

stream connect_to_any(std::vector<endpoint> addresses, const std::string& name,
                      call_site where) {
  if (addresses.size() == 1) {
    std::int32_t result = 0;
    stream made = connect_stream(addresses[0], result, where);
    if (made) return made;
    const std::string address = addresses[0].address();
    const bool numeric = name_of_host(address, addresses[0].port()) == name;
    throw_failure(result, "connect " + name + (numeric ? "" : ": tried " + address));
  }
  attempts all(interleaved(std::move(addresses)), where);
  stream made = all.race();
  if (!made) all.fail(name);
  return made;
}

}  // namespace motet::detail
