// SPDX-License-Identifier: MIT
#include "backend/sim/sim_faults.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <variant>

namespace motet {
namespace {

using kind = testing::call;

/// How often the kernel is asked again before its answer counts, as with io_uring.
constexpr int most_tries = 128;

/// In how many steps a delay varies, and in how many a short transfer.
constexpr std::size_t delays = 16;
constexpr std::size_t lengths = 8;

template <class... Cases>
struct overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
overloaded(Cases...) -> overloaded<Cases...>;

kind kind_of(const request& what) noexcept {
  return std::visit(overloaded{[](const accept_request&) { return kind::accept; },
                               [](const connect_request&) { return kind::connect; },
                               [](const receive_request&) { return kind::read; },
                               [](const send_request&) { return kind::write; },
                               [](const send_message_request&) { return kind::write; },
                               [](const receive_message_request&) { return kind::read; },
                               [](const poll_request&) { return kind::wait; },
                               [](const read_request&) { return kind::read; },
                               [](const write_request&) { return kind::write; },
                               [](const read_pieces_request&) { return kind::read; },
                               [](const write_pieces_request&) { return kind::write; },
                               [](const splice_request&) { return kind::read; },
                               [](const next_request& ask) {
                                 return ask.kind == multishot_kind::accept ? kind::accept
                                                                           : kind::read;
                               },
                               [](const auto&) { return kind::file; }},
                    what);
}

/// The kind of call that a test may have fail; nothing for those that have none, or whose
/// parts are looked at one by one.
std::optional<kind> kind_of(const call& what) noexcept {
  using some = std::optional<kind>;
  return std::visit(
      overloaded{[](const open_stream_call&) { return some(kind::socket); },
                 [](const open_pair_call&) { return some(kind::socket); },
                 [](const open_datagram_call& ask) {
                   return some(ask.address != nullptr ? kind::listen : kind::socket);
                 },
                 [](const open_listener_call&) { return some(kind::listen); },
                 [](const open_pipe_call&) { return some(kind::pipe); },
                 [](const shut_down_call&) { return some(kind::shutdown); },
                 [](const close_call&) { return some(kind::close); },
                 [](const socket_name_call&) { return some(kind::address); },
                 [](const set_option_call&) { return some(kind::option); },
                 [](const auto&) { return some(); }},
      what);
}

int descriptor_of(const call& what) noexcept {
  return std::visit(
      [](const auto& ask) {
        if constexpr (requires { ask.fd; }) return ask.fd;
        return -1;
      },
      what);
}

/// Whether it is no answer but a reason to ask again. A connect that is told EAGAIN has
/// not begun (connect(2)).
bool premature(std::int32_t error, kind which) noexcept {
  return error == EINTR || (error == EAGAIN && which != kind::connect);
}

/// What accept(2), connect(2) and tcp(7) say that happens.
std::span<const std::int32_t> usual_errors(kind which) noexcept {
  static constexpr std::array on_accept{EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED};
  static constexpr std::array on_connect{ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
                                         EADDRNOTAVAIL};
  static constexpr std::array on_transfer{ETIMEDOUT, EHOSTUNREACH};
  switch (which) {
    case kind::accept:
      return on_accept;
    case kind::connect:
      return on_connect;
    default:
      return on_transfer;
  }
}

}  // namespace

const char* name_of(const request& what) noexcept {
  switch (kind_of(what)) {
    case kind::accept:
      return "an accept";
    case kind::connect:
      return "a connect";
    case kind::read:
      return "a read";
    case kind::write:
      return "a write";
    case kind::file:
      return "a file operation";
    default:
      return "a wait";
  }
}

/// One decision about several things, of which one happens, or most often none.
class sim_faults::draw {
 public:
  /// @param sum of all rates that will be asked for.
  draw(course& how, double sum) {
    const std::size_t taken = sum > 0 ? how.decide(decision::fault, ways) : 0;
    left_ = taken != 0 ? ways - taken : never;
  }

  bool hits(double rate) noexcept {
    // From the last way on: the first is what usually happens.
    const auto share = static_cast<std::size_t>(
        std::lround(std::max(rate, 0.0) * static_cast<double>(ways)));
    if (left_ == never) return false;
    if (left_ <= share) return true;
    left_ -= share;
    return false;
  }

 private:
  static constexpr std::size_t ways = 65'536;
  static constexpr std::size_t never = ways;
  std::size_t left_;
};

sim_fate sim_faults::fate_of(const request& what, time_point now, bool breaks) {
  const kind which = kind_of(what);
  const int fd = std::visit([](const auto& ask) { return ask.fd; }, what);
  sim_fate fate;
  fate.most = conditions.piece;
  fate.error = next_result(which, fd);
  if (fate.error != 0) return fate;
  if (which == kind::write || which == kind::connect) fate.late = pick_delay();
  if (course_ != nullptr && !course_->calm()) add_chance(what, fate, now, breaks);
  if (fate.late > duration::zero()) ++counts.delays;
  return fate;
}

bool sim_faults::loses(time_point now) {
  if (conditions.losses > 0) {
    if (conditions.losses != sim_conditions::unlimited) --conditions.losses;
    return true;
  }
  if (conditions.rates.losses <= 0 || course_ == nullptr || course_->calm()) return false;
  const bool lost = draw(*course_, conditions.rates.losses).hits(conditions.rates.losses);
  if (lost && course_->wants_to_hear(1))
    course_->tell(moment_of(now) + ": a datagram is lost");
  return lost;
}

std::int32_t sim_faults::error_of(const call& what) {
  const std::optional<kind> which = kind_of(what);
  if (!which) return 0;
  const std::int32_t error = next_error(*which, descriptor_of(what));
  if (error != 0) ++counts.errors;
  return -error;
}

/// The error that the kernel would tell of in the end.
std::int32_t sim_faults::next_result(kind which, int fd) {
  for (int tries = 0;; ++tries) {
    const std::int32_t error = next_error(which, fd);
    if (error == 0) return 0;
    ++counts.errors;
    if (!premature(error, which) || tries == most_tries) return -error;
  }
}

/// @returns an errno, or 0.
std::int32_t sim_faults::next_error(kind which, int fd) {
  for (auto rule = conditions.failures.begin(); rule != conditions.failures.end();) {
    if (rule->which != which || (rule->fd >= 0 && rule->fd != fd)) {
      ++rule;
    } else if (rule->after > 0) {
      --rule->after;
      ++rule;
    } else {
      const std::int32_t error = rule->error;
      if (rule->times != sim_conditions::unlimited && --rule->times == 0)
        conditions.failures.erase(rule);
      return error;
    }
  }
  return 0;
}

duration sim_faults::pick_delay() {
  const duration more = conditions.most_delay - conditions.least_delay;
  if (more <= duration::zero() || course_ == nullptr) return conditions.least_delay;
  const std::size_t step = course_->decide(decision::fault, delays);
  return conditions.least_delay + more * static_cast<int>(step) / int{delays - 1};
}

void sim_faults::add_chance(const request& what, sim_fate& fate, time_point now,
                            bool breaks) {
  const kind which = kind_of(what);
  const testing::faults& rates = conditions.rates;
  const bool transfers = which == kind::read || which == kind::write;
  const bool connects = which == kind::connect;
  if (!transfers && !connects && which != kind::accept) return;
  const double resets = transfers && breaks ? rates.resets : 0;
  const double failures = breaks ? rates.errors : 0;
  const double refusals = connects ? rates.refusals : 0;
  const double shorts = transfers ? rates.short_transfers : 0;
  const double late = which == kind::write || connects ? rates.delays : 0;
  draw chance(*course_, resets + refusals + shorts + late + failures);
  const char* what_happens = nullptr;
  if (chance.hits(resets)) {
    fate.reset = true;
    what_happens = "finds its connection reset";
  } else if (chance.hits(refusals)) {
    fate.error = -ECONNREFUSED;
    ++counts.refusals;
    what_happens = "is refused";
  } else if (chance.hits(failures)) {
    const auto errors = usual_errors(which);
    fate.error = -errors[course_->decide(decision::fault, errors.size())];
    ++counts.errors;
    what_happens = strerrordesc_np(-fate.error);
  } else if (chance.hits(shorts)) {
    fate.most = std::min(fate.most, 1 + course_->decide(decision::fault, lengths));
    what_happens = "moves a few bytes only";
  } else if (chance.hits(late)) {
    const auto step = static_cast<int>(course_->decide(decision::fault, delays));
    fate.late += rates.longest_delay * (step + 1) / int{delays};
    what_happens = "arrives late";
  }
  if (what_happens != nullptr && course_->wants_to_hear(1)) {
    course_->tell(moment_of(now) + ": " + name_of(what) + ": " + what_happens);
  }
}

}  // namespace motet
