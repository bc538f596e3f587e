// SPDX-License-Identifier: MIT
// Whatever is submitted and cancelled in whatever order: every operation comes back once,
// and every byte arrives once, in order.
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <random>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace motet::contract {
namespace {

/// A stream of bytes that says for each byte where it is.
std::byte byte_at(std::size_t position) noexcept {
  return static_cast<std::byte>(position * 131 >> 3);
}

/// One direction of a connection, with at most one operation at each end.
struct direction {
  int source = -1;
  int target = -1;
  std::size_t sent = 0;
  std::size_t received = 0;
  std::vector<std::byte> outgoing;
  std::vector<std::byte> incoming;
  operation send{poll_request{}};
  operation receive{poll_request{}};
  operation watch{poll_request{}};
  bool sending = false;
  bool receiving = false;
  bool watching = false;
};

class storm {
 public:
  storm(host& on, unsigned seed) : on_(on), random_(seed) {
    for (int i = 0; i < 6; ++i) {
      const connection pair = on.connect();
      add(pair.near, pair.far);
      add(pair.far, pair.near);
    }
  }

  void run(std::size_t operations) {
    while (started_ < operations) {
      step(*all_[below(all_.size())]);
      if (below(4) == 0) take(on_->poll(time_point::min()));
    }
    drain();
    for (const auto& each : all_)
      CHECK(each->sent == each->received);
    CHECK(on_->in_flight() == 0);
    CHECK(started_ == ended_);
    CHECK(cancelled_ > operations / 100);
  }

 private:
  void add(int source, int target) {
    all_.push_back(std::make_unique<direction>());
    all_.back()->source = source;
    all_.back()->target = target;
  }

  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  transfer any_amount() { return below(2) == 0 ? transfer::some : transfer::whole; }

  void start(operation& op, bool& busy, request what) {
    op = operation{what};
    busy = true;
    ++started_;
    on_->submit(op);
    if (below(8) == 0) on_->cancel(op);
  }

  void step(direction& d) {
    switch (below(6)) {
      case 0:
        if (!d.sending) start_sending(d);
        return;
      case 1:
      case 2:
        if (!d.receiving) start_receiving(d, any_amount());
        return;
      case 3:
        if (!d.watching) start(d.watch, d.watching, poll_request{d.target, POLLIN});
        return;
      default:
        if (d.sending && below(3) == 0) on_->cancel(d.send);
        if (d.receiving && below(3) == 0) on_->cancel(d.receive);
        if (d.watching && below(3) == 0) on_->cancel(d.watch);
    }
  }

  void start_sending(direction& d) {
    d.outgoing.resize(1 + below(below(10) == 0 ? 50'000 : 500));
    for (std::size_t i = 0; i < d.outgoing.size(); ++i)
      d.outgoing[i] = byte_at(d.sent + i);
    start(d.send, d.sending, send_request{d.source, d.outgoing, any_amount()});
  }

  void start_receiving(direction& d, transfer amount) {
    d.incoming.assign(1 + below(below(10) == 0 ? 50'000 : 1000), std::byte{});
    start(d.receive, d.receiving, receive_request{d.target, d.incoming, amount});
  }

  void take(operation* op) {
    while (op != nullptr) {
      operation* const next = op->next;
      take_one(*op);
      op = next;
    }
  }

  void take_one(const operation& op) {
    ++ended_;
    const auto of = std::find_if(all_.begin(), all_.end(), [&](const auto& each) {
      return &op == &each->send || &op == &each->receive || &op == &each->watch;
    });
    REQUIRE(of != all_.end());
    direction& d = **of;
    bool& busy = &op == &d.send      ? d.sending
                 : &op == &d.receive ? d.receiving
                                     : d.watching;
    REQUIRE_MESSAGE(busy, "came back twice");
    busy = false;
    if (op.result == -ECANCELED) {
      ++cancelled_;
      return;
    }
    REQUIRE(op.result > 0);
    if (&op == &d.send) d.sent += static_cast<std::size_t>(op.result);
    if (&op == &d.receive) check_received(d, static_cast<std::size_t>(op.result));
  }

  static void check_received(direction& d, std::size_t count) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i)
      wrong += d.incoming[i] != byte_at(d.received + i);
    REQUIRE(wrong == 0);
    d.received += count;
  }

  void drain() {
    const time_point too_late = on_->now() + 20s;
    const auto unfinished = [](const auto& each) {
      return each->sending || each->receiving || each->watching ||
             each->sent != each->received;
    };
    while (std::any_of(all_.begin(), all_.end(), unfinished)) {
      REQUIRE(on_->now() < too_late);
      for (const auto& each : all_)
        drain_one(*each);
      take(on_->poll(too_late));
    }
  }

  void drain_one(direction& d) {
    if (d.watching) on_->cancel(d.watch);
    if (d.receiving) on_->cancel(d.receive);
    const bool more = d.sending || d.sent != d.received;
    if (more && !d.receiving) start_receiving(d, transfer::some);
  }

  host& on_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<direction>> all_;
  std::size_t started_ = 0;
  std::size_t ended_ = 0;
  std::size_t cancelled_ = 0;
};

TEST_SUITE("contract: random") {
  TEST_CASE("random operations lose nothing and double nothing") {
    on_each_backend([](host& on) {
      for (unsigned seed = 0; seed < 4; ++seed)
        storm(on, seed).run(2'000);
    });
  }

  TEST_CASE("a hundred thousand operations go through queues of two and four") {
    on_backend("uring with tiny queues", [](host& on) { storm(on, 1).run(100'000); });
  }
}

}  // namespace
}  // namespace motet::contract
