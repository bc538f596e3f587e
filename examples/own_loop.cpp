// SPDX-License-Identifier: MIT

/// @file
/// Fibers in a program that has a libev loop already: its watchers and the fibers take
/// turns on one thread.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <ev.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

#include <unistd.h>

namespace {

using namespace motet;

struct beat {
  int number;
};

/// What the program was before there were fibers: a timer, and a pipe that is read.
class orchestra {
 public:
  explicit orchestra(struct ev_loop* loop) : loop_(loop) {
    if (::pipe(pipe_.data()) != 0) throw std::system_error(errno, std::system_category());
    ev_timer_init(&metronome_, &on_beat, 0.02, 0.02);
    ev_io_init(&listener_, &on_sound, pipe_[0], EV_READ);
    metronome_.data = listener_.data = this;
    ev_timer_start(loop_, &metronome_);
    ev_io_start(loop_, &listener_);
  }
  orchestra(const orchestra&) = delete;
  orchestra& operator=(const orchestra&) = delete;
  ~orchestra() {
    ev_timer_stop(loop_, &metronome_);
    ev_io_stop(loop_, &listener_);
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }

  void play_for(fiber_ref singer) { singer_ = singer; }
  void hear(const std::string& sound) const {
    if (::write(pipe_[1], sound.data(), sound.size()) < 0) std::perror("write");
  }

 private:
  // Callbacks run between fibers. They may send and stop, but not wait.
  static void on_beat(struct ev_loop*, ev_timer* timer, int) {
    auto& self = *static_cast<orchestra*>(timer->data);
    if (self.singer_) self.singer_ << beat{++self.beats_};
  }

  static void on_sound(struct ev_loop*, ev_io* watcher, int) {
    auto& self = *static_cast<orchestra*>(watcher->data);
    std::array<char, 64> space{};
    const ssize_t got = ::read(watcher->fd, space.data(), space.size());
    if (got <= 0) return;
    std::printf("the orchestra hears %zd bytes\n", got);
    self.singer_ << std::string(space.data(), static_cast<std::size_t>(got));
  }

  struct ev_loop* loop_;
  ev_timer metronome_{};
  ev_io listener_{};
  std::array<int, 2> pipe_{};
  fiber_ref singer_;
  int beats_ = 0;
};

void sing(orchestra& with) {
  auto singer = spin({.name = "singer"}, [&] {
    while (true) {
      const int number = receive<beat>().number;
      std::printf("beat %d\n", number);
      if (number == 3) break;
    }
    with.hear("amen");
    std::printf("the singer hears \"%s\"\n", receive<std::string>().c_str());
  });
  with.play_for(singer);
  sleep(10ms);  // fibers may wait for whatever they like meanwhile
  std::puts("sung to a beat that is not ours");
  singer.await();
}

}  // namespace

int main(int argc, char** argv) try {
  examples::read_arguments(argc, argv, "Fibers inside of another program's libev loop.");
  struct ev_loop* const loop = ev_default_loop(0);
  orchestra players(loop);
  run({.loop = loop}, [&] { sing(players); });
  std::puts("the loop is its owner's again");
} catch (const std::exception& error) {
  return examples::explain(error);
}
