// SPDX-License-Identifier: MIT

// F4: the nth allocation fails, for every n; then the nth mapping of stacks does. The
// error has to arrive, nothing may leak, and the same program has to run again in the
// same loop.

#include "backend/make_backend.hpp"
#include "lib/fiber/run_on.hpp"
#include "lib/testing/containment.hpp"
#include "test/figures/failing_memory.hpp"
#include "test/figures/figure.hpp"
#include "test/scenarios/scenario.hpp"
#include "test/support/silence.hpp"

#include <motet/motet.hpp>
#include <motet/testing.hpp>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace motet::test {
namespace {

/// A simulated kernel has all the memory it needs: only what the library asks for fails.
class rich_backend final : public backend {
 public:
  explicit rich_backend(std::unique_ptr<backend> kernel) : kernel_(std::move(kernel)) {}

  void submit(operation& op) noexcept override {
    const plenty of;
    kernel_->submit(op);
  }
  void cancel(operation& op) noexcept override {
    const plenty of;
    kernel_->cancel(op);
  }
  [[nodiscard]] operation* poll(time_point until) noexcept override {
    const plenty of;
    return kernel_->poll(until);
  }
  void wake() noexcept override { kernel_->wake(); }
  [[nodiscard]] std::int32_t answer(const call& question) noexcept override {
    const plenty of;
    return kernel_->answer(question);
  }
  [[nodiscard]] time_point now() const noexcept override { return kernel_->now(); }
  [[nodiscard]] bool simulated() const noexcept override { return kernel_->simulated(); }
  void advance(duration span) noexcept override { kernel_->advance(span); }
  [[nodiscard]] std::size_t in_flight() const noexcept override {
    return kernel_->in_flight();
  }
  [[nodiscard]] std::size_t open_descriptors() const noexcept override {
    return kernel_->open_descriptors();
  }
  [[nodiscard]] const char* name() const noexcept override { return kernel_->name(); }

 private:
  std::unique_ptr<backend> kernel_;
};

/// Whether it tells of the shortage, at whatever depth.
bool tells_of_it(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (const std::system_error& e) {
    // An accept_loop that has no stack for a connection closes it: its peer is told.
    return e.code() == std::errc::not_enough_memory ||
           e.code() == std::errc::connection_reset;
  } catch (const exception_group& group) {
    for (const auto& part : group.errors()) {
      if (tells_of_it(part)) return true;
    }
    return false;
  } catch (...) {
    return false;
  }
}

/// What a process says on its outputs, for another to read.
class transcript {
 public:
  transcript() : fd_(::memfd_create("transcript", MFD_CLOEXEC)) {}
  transcript(const transcript&) = delete;
  transcript& operator=(const transcript&) = delete;
  ~transcript() { ::close(fd_); }

  void take_outputs() const {
    ::dup2(fd_, STDOUT_FILENO);
    ::dup2(fd_, STDERR_FILENO);
  }
  [[nodiscard]] std::string text() const {
    std::string all(8192, '\0');
    const ssize_t size = ::pread(fd_, all.data(), all.size(), 0);
    all.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return all;
  }

 private:
  int fd_;
};

/// What a run with one failure came to.
struct verdict {
  bool failed_at_all = false;  ///< There was an nth to fail.
  std::vector<std::string> wrong;
};

/// Runs of one scenario, each in a loop of its own.
class bench {
 public:
  bench(const scenario& s, engine on, scarce what) : s_(s), on_(on), what_(what) {}

  /// Without failure: fills caches, and learns which errors it ends with anyway.
  void warm_up() {
    usual_.clear();
    const auto hear = [&](const std::exception_ptr& error, const char*) {
      usual_.push_back(describe(error));
    };
    const scarce what = std::exchange(what_, scarce::allocation);
    loop(hear, [&] {
      testing::containment one(hear);
      one.run([this] { s_.run(things_); });
      one.settle_up();
    });
    what_ = what;
  }

  /// With the nth failing, and then again without, in the same loop.
  verdict fail(std::size_t n) {
    verdict found;
    bool first = true;
    std::vector<std::string> heard;
    std::vector<std::string> again;
    const auto hear = [&](const std::exception_ptr& error, const char*) {
      const plenty of;
      (first ? heard : again).push_back(describe(error));
      if (first && tells_of_it(error)) told_ = true;
    };
    loop(hear, [&] {
      {
        testing::containment one(hear);
        one.run([&] {
          fail_the(n, what_);
          s_.run(things_);
        });
        found.failed_at_all = has_failed();
        fail_the(0, what_);
        one.settle_up();
        for (const std::string& wrong : one.wrong())
          found.wrong.push_back(wrong);
      }
      first = false;
      testing::containment one(hear);
      one.run([this] { s_.run(things_); });
      one.settle_up();
      for (const std::string& wrong : one.wrong())
        found.wrong.push_back("afterwards: " + wrong);
    });
    if (again != usual_) found.wrong.emplace_back("afterwards it ends otherwise");
    if (!told_ && heard != usual_) {
      found.wrong.emplace_back("nobody hears of it, yet it ends otherwise");
      for (const std::string& error : heard)
        found.wrong.push_back("  " + error);
    }
    return found;
  }

 private:
  template <class Hear, class F>
  void loop(const Hear& hear, F&& f) {
    auto kernel = make_backend(on_);
    if (on_ == engine::sim) kernel = std::make_unique<rich_backend>(std::move(kernel));
    run_options options{
        .signals = signal_policy::none,
        .on_unhandled = [&](const std::exception_ptr& e) { hear(e, ""); }};
    // A size that no other run has: so stacks have to be mapped.
    if (what_ == scarce::mapping) options.stack_size = std::size_t{80} * 1024;
    detail::run_on(std::move(kernel), nullptr, options, f, false);
  }

  const scenario& s_;
  engine on_;
  scarce what_;
  held_things things_;
  std::vector<std::string> usual_;
  bool told_ = false;
};

/// In a process of its own: one that is terminated is one failure of many.
class attempt {
 public:
  attempt(const scenario& s, engine on, std::size_t n, scarce what)
      : name_(std::string(s.name) + ", " + name_of(what) + " " + std::to_string(n)) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      said_.take_outputs();
      ::alarm(20);
      std::signal(SIGABRT, [](int) {
        tell_where();
        std::signal(SIGABRT, SIG_DFL);
      });
      ::_exit(run(s, on, n, what));
    }
    ::waitpid(child, &status_, 0);
  }

  [[nodiscard]] bool over() const { return ended_with(nothing_to_fail); }
  [[nodiscard]] bool right() const { return ended_with(good); }
  [[nodiscard]] std::string complaint() const {
    std::string text = name_ + ": ";
    if (WIFSIGNALED(status_))
      text += std::string("killed: ") + ::strsignal(WTERMSIG(status_)) + ": ";
    return text + said_.text();
  }

 private:
  static constexpr int good = 0;
  static constexpr int bad = 1;
  static constexpr int nothing_to_fail = 42;

  static const char* name_of(scarce what) {
    switch (what) {
      case scarce::allocation:
        return "allocation";
      case scarce::mapping:
        return "mapping";
      case scarce::entry:
        break;
    }
    return "io_uring_enter";
  }

  [[nodiscard]] bool ended_with(int code) const {
    return WIFEXITED(status_) && WEXITSTATUS(status_) == code;
  }

  static int run(const scenario& s, engine on, std::size_t n, scarce what) {
    bench scene(s, on, what);
    scene.warm_up();
    scene.warm_up();
    const std::size_t before = live_allocations();
    std::vector<std::string> wrong;
    {
      verdict found = scene.fail(n);
      if (!found.failed_at_all) return nothing_to_fail;
      wrong = std::move(found.wrong);
    }
    // A new size of stacks: what is known of it, and two lists of free ones.
    const std::size_t kept = what == scarce::mapping ? 3 : 0;
    const std::size_t left = live_allocations() - before;
    if (wrong.empty() && left != kept)
      wrong.push_back(std::to_string(left) + " allocations are left");
    if (wrong.empty()) return good;
    for (const std::string& line : wrong)
      std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    tell_where();
    return bad;
  }

  const std::string name_;
  const transcript said_;
  int status_ = 0;
};

struct tally {
  std::size_t failed = 0;
  std::size_t wrong = 0;
};

void fail_each(const scenario& s, engine on, scarce what, tally& into) {
  for (std::size_t n = 1;; ++n) {
    const attempt one(s, on, n, what);
    if (one.over()) return;
    ++into.failed;
    if (one.right()) continue;
    ++into.wrong;
    std::fprintf(stderr, "%s\n", one.complaint().c_str());
  }
}

engine engine_of(backend_kind kind) {
  return kind == backend_kind::uring ? engine::uring : engine::libev;
}

int run_f4(bool thorough) {
  const stopwatch time;
  const std::vector<scenario> all = library_scenarios();
  tally allocations;
  tally mappings;
  tally entries;
  for (const scenario& s : all) {
    fail_each(s, engine::sim, scarce::allocation, allocations);
    fail_each(s, engine::sim, scarce::mapping, mappings);
  }
  // What the kernel's backends need themselves shows with sockets.
  beat = 50us;
  for (const auto& [kind, name] : kernel_backends()) {
    for (const scenario& s : thorough ? all : servers()) {
      fail_each(s, engine_of(kind), scarce::allocation, allocations);
      if (kind == backend_kind::uring)
        fail_each(s, engine::uring, scarce::entry, entries);
    }
  }
  const std::size_t wrong = allocations.wrong + mappings.wrong + entries.wrong;
  std::printf(
      "F4: %zu scenarios, %s allocations, %s mappings, %s calls of io_uring failed one "
      "by "
      "one: %zu lost errors or leaks (%.1f s)\n",
      all.size(), with_commas(allocations.failed).c_str(),
      with_commas(mappings.failed).c_str(), with_commas(entries.failed).c_str(), wrong,
      time.seconds());
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace motet::test

int main(int argc, char** argv) {
  return motet::test::run_f4(motet::test::asked_for_long(argc, argv));
}
