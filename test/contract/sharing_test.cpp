// SPDX-License-Identifier: MIT
// Several operations that wait on one descriptor: nothing is lost, nothing comes twice,
// and each arrival wakes somebody. Who of them it is, is not promised.
#include "test/contract/host.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <deque>
#include <set>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

namespace motet::contract {
namespace {

/// Receives of one byte each, all waiting on one descriptor.
class crowd {
 public:
  crowd(host& on, int fd, std::size_t size) : on_(on), space_(size) {
    for (std::byte& each : space_) {
      all_.push_back({receive_request{fd, std::span(&each, 1)}});
      waiting_.insert(&all_.back());
      on->submit(all_.back());
    }
    CHECK(on_.quiet());
  }

  /// Waits until one is back. @returns its result.
  std::int32_t take_one() {
    operation* first = nullptr;
    const time_point too_late = on_->now() + 10s;
    while (first == nullptr && on_->now() < too_late)
      first = on_->poll(too_late);
    REQUIRE(first != nullptr);
    CHECK(first->next == nullptr);
    CHECK(waiting_.erase(first) == 1);
    return first->result;
  }

  void take_all() {
    on_.collect({waiting_.begin(), waiting_.end()});
    waiting_.clear();
  }

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  operation& operator[](std::size_t index) { return all_[index]; }
  [[nodiscard]] std::byte byte_of(std::size_t index) const { return space_[index]; }
  void left(operation& op) { waiting_.erase(&op); }

 private:
  host& on_;
  std::vector<std::byte> space_;
  std::deque<operation> all_;
  std::set<operation*> waiting_;
};

/// Past the backend, so that nothing else of it comes back.
void send_one(int fd, char what) {
  REQUIRE(::send(fd, &what, 1, MSG_NOSIGNAL) == 1);
}

TEST_SUITE("contract: sharing") {
  TEST_CASE("each byte wakes one of those that wait for one") {
    on_each_backend([](host& on) {
      if (on->simulated()) return;
      const connection pair = on.connect();
      crowd readers(on, pair.far, 8);
      while (readers.waiting() != 0) {
        send_one(pair.near, 'x');
        CHECK(readers.take_one() == 1);
      }
      CHECK(on.quiet());
    });
  }

  TEST_CASE("bytes that come together go to as many as there are") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      crowd readers(on, pair.far, 8);
      operation send{send_request{pair.near, bytes_of("abcdefgh")}};
      on->submit(send);
      on.collect({&send});
      readers.take_all();
      std::multiset<char> got;
      for (std::size_t i = 0; i < 8; ++i)
        got.insert(static_cast<char>(readers.byte_of(i)));
      CHECK(got == std::multiset<char>{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'});
    });
  }

  TEST_CASE("the end is told to all") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      crowd readers(on, pair.far, 5);
      CHECK(on->answer(shut_down_call{pair.near, SHUT_WR}) == 0);
      readers.take_all();
      for (std::size_t i = 0; i < 5; ++i)
        CHECK(readers[i].result == 0);
    });
  }

  TEST_CASE("cancelling some leaves the others waiting") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      crowd readers(on, pair.far, 4);
      for (const std::size_t gone : {0U, 2U, 3U}) {
        on->cancel(readers[gone]);
        on.collect({&readers[gone]});
        CHECK(readers[gone].result == -ECANCELED);
        readers.left(readers[gone]);
      }
      operation send{send_request{pair.near, bytes_of("z")}};
      on->submit(send);
      on.collect({&send, &readers[1]});
      CHECK(readers[1].result == 1);
      CHECK(readers.byte_of(1) == std::byte{'z'});
    });
  }

  TEST_CASE("each connection goes to one of those that accept") {
    on_each_backend([](host& on) {
      const int listener = on.listen();
      const sockaddr_storage name = on.name_of(listener);
      std::deque<operation> accepts(4, operation{accept_request{listener}});
      std::vector<operation*> expected;
      for (operation& each : accepts) {
        on->submit(each);
        expected.push_back(&each);
      }
      CHECK(on.quiet());
      std::set<int> callers;
      for (std::size_t i = 0; i < accepts.size(); ++i) {
        const int fd = on->answer(open_stream_call{AF_INET});
        callers.insert(fd);
        CHECK(on.perform(connect_request{fd, as_sockaddr(name), sizeof(sockaddr_in)}) ==
              0);
      }
      on.collect(expected);
      std::set<int> accepted;
      for (const operation& each : accepts)
        accepted.insert(each.result);
      CHECK(accepted.size() == accepts.size());
      CHECK(*accepted.begin() >= 0);
      for (const int fd : accepted)
        on.close(fd);
      for (const int fd : callers)
        on.close(fd);
    });
  }

  TEST_CASE("all that wait for readiness are told, and take it from nobody") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::deque<operation> polls(3, operation{poll_request{pair.far, POLLIN}});
      polls.push_back({poll_request{pair.far, POLLRDHUP}});
      for (operation& each : polls)
        on->submit(each);
      std::array<std::byte, 8> space{};
      CHECK(on.quiet());
      operation send{send_request{pair.near, bytes_of("sol")}};
      on->submit(send);
      on.collect({&send, &polls[0], &polls[1], &polls[2]});
      for (std::size_t i = 0; i < 3; ++i)
        CHECK(polls[i].result == POLLIN);
      CHECK(on.perform(receive_request{pair.far, space}) == 3);
      CHECK(on.quiet());
      CHECK(on->answer(shut_down_call{pair.near, SHUT_WR}) == 0);
      on.collect({&polls[3]});
      CHECK(polls[3].result == POLLRDHUP);
    });
  }

  TEST_CASE("reading and writing wait side by side") {
    on_each_backend([](host& on) {
      const connection pair = on.connect();
      std::array<std::byte, 8> space{};
      operation receive{receive_request{pair.near, space}};
      on->submit(receive);
      const std::size_t filled = on.fill(pair.near);
      operation send{send_request{pair.near, bytes_of("late"), transfer::some}};
      on->submit(send);
      CHECK(on.quiet());
      CHECK(on.send(pair.far, "la") == 2);
      on.collect({&receive});
      CHECK(receive.result == 2);
      std::vector<std::byte> all(filled);
      operation drain{receive_request{pair.far, all, transfer::whole}};
      on->submit(drain);
      on.collect({&send, &drain});
      CHECK(send.result == 4);
      CHECK(drain.result == static_cast<std::int32_t>(filled));
      CHECK(on.receive(pair.far) == "late");
    });
  }
}

}  // namespace
}  // namespace motet::contract
