// SPDX-License-Identifier: MIT

/// @file
/// Messages between two threads through a queue behind a std::mutex, with a
/// std::condition_variable for each end: what one writes without a library.

#include "two_threads.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace {

using namespace bench;

class blocking_queue {
 public:
  void send(long value) {
    {
      std::unique_lock held(mutex_);
      has_room_.wait(held, [&] { return values_.size() < std::size_t{room}; });
      values_.push_back(value);
    }
    has_values_.notify_one();
  }

  long receive() {
    long value = 0;
    {
      std::unique_lock held(mutex_);
      has_values_.wait(held, [&] { return !values_.empty(); });
      value = values_.front();
      values_.pop_front();
    }
    has_room_.notify_one();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_room_;
  std::condition_variable has_values_;
  std::deque<long> values_;
};

double there_and_back(long rounds) {
  constexpr long first_few = 100;
  blocking_queue there;
  blocking_queue back;
  std::thread peer([&] {
    for (long i = 0; i < first_few + rounds; ++i)
      back.send(there.receive() + 1);
  });
  long n = 0;
  const auto once = [&] {
    there.send(n);
    expect(back.receive(), ++n);
  };
  wall_per_call(first_few, once);
  const double each = wall_per_call(rounds, once);
  peer.join();
  return each;
}

double one_way(long messages) {
  blocking_queue start;
  blocking_queue values;
  std::thread peer([&] {
    start.receive();
    for (long i = 0; i < messages; ++i)
      values.send(i);
  });
  long n = 0;
  start.send(0);
  const double each = wall_per_call(messages, [&] { expect(values.receive(), n++); });
  peer.join();
  return each;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s ROUNDS MESSAGES\n", argv[0]);
    return 1;
  }
  const amounts all = amounts_of(argv[1], argv[2]);
  const double each = there_and_back(all.rounds);
  print_result(each, one_way(all.messages));
}
