// SPDX-License-Identifier: MIT
// F6: operations through queues that are always full, none lost and none doubled.
//
// Rings of 2 submissions and 4 completions. Rounds of 1,000 operations: transfers, some
// of them cancelled; many completions in one turn, which do not fit, so that the kernel
// has to keep them; and 1,000 completions of one operation that the kernel repeats.
//
// usage: f6_small_rings [--long]
#include "backend/multishot.hpp"
#include "backend/uring/uring_backend.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace motet;

constexpr std::size_t per_round = 1'000;
constexpr std::size_t most_bytes_at_once = 5'000;
constexpr int skipped = 77;

/// An operation that knows how often it has come back.
struct tracked {
  operation op;
  unsigned back = 0;
};

/// One way through a pair of sockets. Each byte says where in the stream it is.
struct stream {
  int source;
  int target;
  std::size_t sent = 0;
  std::size_t received = 0;
  tracked* sending = nullptr;
  tracked* receiving = nullptr;
  std::array<std::byte, most_bytes_at_once> outgoing{};
  std::array<std::byte, most_bytes_at_once> incoming{};
};

std::byte byte_at(std::size_t position) {
  return static_cast<std::byte>(position * 131 >> 3);
}

/// How many completions the kernel keeps because the queue has no room for them.
std::size_t kept_by_kernel() {
  std::size_t kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry, gone) != "anon_inode:[io_uring]") continue;
    std::ifstream info("/proc/self/fdinfo/" + entry.path().filename().string());
    std::string line;
    while (std::getline(info, line) && line != "CqOverflowList:") {
    }
    while (std::getline(info, line) && line.find("user_data=") != line.npos)
      ++kept;
  }
  return kept;
}

class figure {
 public:
  explicit figure(backend& on) : on_(on) {
    for (int i = 0; i < 8; ++i) {
      int ends[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
      sockets_.insert(sockets_.end(), {ends[0], ends[1]});
      streams_.push_back({ends[0], ends[1]});
      streams_.push_back({ends[1], ends[0]});
    }
  }
  figure(const figure&) = delete;
  figure& operator=(const figure&) = delete;
  ~figure() {
    for (const int fd : sockets_)
      ::close(fd);
  }

  void round(std::size_t number) {
    switch (number % 5) {
      case 0:
        return transfers();
      case 1:
        return all_ready();
      case 2:
        return all_made_ready();
      case 3:
        return all_cancelled();
      default:
        return all_repeated();
    }
  }

  /// Counts those of the round before: they were kept so that what comes twice is seen.
  void retire() {
    for (const tracked& one : before_) {
      lost += one.back == 0 ? 1 : 0;
      doubled += one.back > 1 ? one.back - 1 : 0;
    }
    before_.clear();
  }

  std::size_t operations = 0;
  std::size_t lost = 0;
  std::size_t doubled = 0;
  std::size_t wrong = 0;  ///< Results and bytes that are not what they must be.
  std::size_t most_kept = 0;

 private:
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }

  tracked& start(request what) {
    tracked& fresh = now_.emplace_back();
    fresh.op.what = what;
    fresh.op.waiter = &fresh;
    ++operations;
    on_.submit(fresh.op);
    return fresh;
  }

  std::size_t poll(time_point until) {
    std::size_t count = 0;
    for (operation* op = on_.poll(until); op != nullptr; op = op->next) {
      ++static_cast<tracked*>(op->waiter)->back;
      ++count;
    }
    return count;
  }

  /// Waits for all that is out.
  void end_round() {
    const time_point too_late = on_.now() + 10s;
    while (on_.in_flight() != 0 && on_.now() < too_late)
      poll(too_late);
    retire();
    before_ = std::move(now_);
    now_.clear();
  }

  // --- Bytes --------------------------------------------------------------------------

  void transfers() {
    for (std::size_t i = 0; i < per_round; ++i) {
      stream& any = streams_[below(streams_.size())];
      if (below(2) == 0) {
        send(any);
      } else {
        receive(any);
      }
      for (tracked* const one : {any.sending, any.receiving})
        if (one != nullptr && below(4) == 0) on_.cancel(one->op);
      if (below(4) == 0) take();
    }
    drain();
    end_round();
  }

  void send(stream& to) {
    if (to.sending != nullptr) return;
    const std::size_t size = 1 + below(most_bytes_at_once);
    for (std::size_t i = 0; i < size; ++i)
      to.outgoing[i] = byte_at(to.sent + i);
    const transfer amount = below(2) == 0 ? transfer::some : transfer::whole;
    to.sending =
        &start(send_request{to.source, std::span(to.outgoing).first(size), amount});
  }

  void receive(stream& from) {
    if (from.receiving != nullptr) return;
    const std::size_t size = 1 + below(most_bytes_at_once);
    from.receiving =
        &start(receive_request{from.target, std::span(from.incoming).first(size)});
  }

  void take() {
    poll(time_point::min());
    for (stream& each : streams_) {
      if (each.sending != nullptr && each.sending->back != 0) settle_sent(each);
      if (each.receiving != nullptr && each.receiving->back != 0) settle_received(each);
    }
  }

  void settle_sent(stream& of) {
    const std::int32_t result = std::exchange(of.sending, nullptr)->op.result;
    if (result > 0) of.sent += static_cast<std::size_t>(result);
    if (result <= 0 && result != -ECANCELED) ++wrong;
  }

  void settle_received(stream& of) {
    const std::int32_t result = std::exchange(of.receiving, nullptr)->op.result;
    if (result <= 0 && result != -ECANCELED) ++wrong;
    for (std::int32_t i = 0; i < result; ++i)
      wrong += of.incoming[static_cast<std::size_t>(i)] != byte_at(of.received++) ? 1 : 0;
  }

  /// Until all that was sent has arrived.
  void drain() {
    const time_point too_late = on_.now() + 10s;
    for (bool more = true; more && on_.now() < too_late;) {
      more = false;
      take();
      for (stream& each : streams_) {
        if (each.sending != nullptr) on_.cancel(each.sending->op);
        if (each.received != each.sent) receive(each);
        if (each.received == each.sent && each.receiving != nullptr &&
            each.sending == nullptr)
          on_.cancel(each.receiving->op);
        more = more || each.sending != nullptr || each.receiving != nullptr;
      }
    }
    for (const stream& each : streams_)
      lost += each.sent != each.received ? 1 : 0;
  }

  // --- More completions than there is room for ----------------------------------------

  void all_ready() {
    for (std::size_t i = 0; i < per_round; ++i)
      start(poll_request{sockets_[0], POLLOUT});
    most_kept = std::max(most_kept, kept_by_kernel());
    end_round();
    for (const tracked& one : before_)
      wrong += one.op.result != POLLOUT ? 1 : 0;
  }

  void park_all() {
    for (std::size_t i = 0; i < per_round; ++i)
      start(poll_request{sockets_[0], POLLIN});
    while (poll(time_point::min()) != 0) {
    }
  }

  void all_made_ready() {
    park_all();
    char byte = 0;
    wrong += ::send(sockets_[1], &byte, 1, 0) != 1 ? 1 : 0;
    end_round();
    wrong += ::recv(sockets_[0], &byte, 1, MSG_DONTWAIT) != 1 ? 1 : 0;
    for (const tracked& one : before_)
      wrong += one.op.result != POLLIN ? 1 : 0;
  }

  void all_cancelled() {
    park_all();
    for (tracked& one : now_)
      on_.cancel(one.op);
    end_round();
    for (const tracked& one : before_)
      wrong += one.op.result != -ECANCELED ? 1 : 0;
  }

  // --- One operation, many completions ------------------------------------------------

  void all_repeated() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) std::abort();
    multishot from(multishot_kind::receive, ends[0]);
    std::uint32_t sent = 0;
    for (std::uint32_t got = 0; got < per_round; ++got) {
      while (sent < per_round &&
             ::send(ends[1], &sent, sizeof sent, MSG_DONTWAIT) == sizeof sent)
        ++sent;
      take_next(from, ends[0], got);
    }
    start(end_request{ends[0], &from});
    end_round();
    wrong += from.arrived.size();
    ::close(ends[0]);
    ::close(ends[1]);
  }

  void take_next(multishot& from, int fd, std::uint32_t expected) {
    arrival came;
    if (from.arrived.empty()) {
      const time_point too_late = on_.now() + 10s;
      const tracked& next = start(next_request{fd, from.kind, &from});
      while (next.back == 0 && on_.now() < too_late)
        poll(too_late);
      came = {next.op.result, std::exchange(from.lent, nullptr)};
    } else {
      ++operations;
      came = from.arrived.front();
      from.arrived.erase(from.arrived.begin());
    }
    std::uint32_t number = 0;
    const bool whole = came.lent != nullptr && came.result == sizeof number;
    if (whole) std::memcpy(&number, came.lent, sizeof number);
    if (came.lent != nullptr) on_.give_back(came.lent);
    wrong += whole && number == expected ? 0 : 1;
  }

  backend& on_;
  std::mt19937 random_{6};
  std::vector<int> sockets_;
  std::deque<stream> streams_;
  std::deque<tracked> now_;     ///< Those of this round.
  std::deque<tracked> before_;  ///< Those of the round before.
};

void print(const figure& f, std::chrono::duration<double> took) {
  std::printf(
      "F6: %zu operations through rings of 2 and 4 entries, up to %zu completions past "
      "their room: %zu lost, %zu doubled, %zu wrong (%.1f s)\n",
      f.operations, f.most_kept, f.lost, f.doubled, f.wrong, took.count());
}

}  // namespace

int main(int count, char** arguments) {
  const bool is_long = count > 1 && std::string_view(arguments[1]) == "--long";
  const std::size_t wanted = is_long ? 1'000'000 : 10'000;
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<backend> on;
  try {
    on = make_uring_backend({.queues = {2, 4, true}, .without = {}});
  } catch (const std::system_error& refused) {
    std::printf("F6: not run: %s\n", refused.what());
    return skipped;
  }
  figure f(*on);
  for (std::size_t i = 0; f.operations < wanted; ++i)
    f.round(i);
  f.retire();
  print(f, std::chrono::steady_clock::now() - start);
  return f.lost + f.doubled + f.wrong == 0 && f.most_kept > 500 ? 0 : 1;
}
