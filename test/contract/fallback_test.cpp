// SPDX-License-Identifier: MIT
#include "backend/fallback.hpp"

#include "backend/make_backend.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace motet {
namespace {

bool contains(std::string_view all, std::string_view part) {
  return all.find(part) != all.npos;
}

const char* advise(int) {
  return "ask somebody";
}

candidate refusing(const char* name, int error) {
  const auto refuse = [error, name]() -> std::unique_ptr<backend> {
    throw std::system_error(error, std::system_category(),
                            std::string("setting up ") + name);
  };
  return {name, name, refuse, &advise};
}

candidate willing(const char* name) {
  return {name, "something simulated", [] { return make_backend(engine::sim); }};
}

struct choice {
  std::unique_ptr<backend> made;
  std::vector<std::string> lines;
};

choice choose(const std::vector<candidate>& candidates) {
  choice all;
  all.made =
      make_best(candidates, [&](const std::string& line) { all.lines.push_back(line); });
  return all;
}

std::string failure_of(const std::vector<candidate>& candidates) {
  try {
    (void)choose(candidates);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "none";
}

TEST_SUITE("fallback") {
  TEST_CASE("the best one is taken, without a word") {
    const choice all = choose({willing("first"), refusing("second", EPERM)});
    CHECK(all.made != nullptr);
    CHECK(all.lines.empty());
  }

  TEST_CASE("whatever the kernel refuses with, the next one is taken, in one line") {
    for (const int error : {EPERM, EACCES, ENOSYS, EINVAL, ENOMEM, EOPNOTSUPP, EAGAIN}) {
      const choice all = choose({refusing("first", error), willing("second")});
      CHECK(all.made != nullptr);
      REQUIRE(all.lines.size() == 1);
      CHECK(all.lines[0] ==
            "motet: running on something simulated: setting up first failed: " +
                std::error_code(error, std::system_category()).message() +
                ": ask somebody; MOTET_BACKEND=second silences this");
    }
  }

  TEST_CASE("without descriptors, the next one is not tried") {
    for (const int error : {EMFILE, ENFILE}) {
      const std::string failure =
          failure_of({refusing("first", error), willing("second")});
      CHECK(contains(failure, "setting up first failed: "));
      CHECK(contains(failure, "ask somebody"));
    }
  }

  TEST_CASE("if all are refused, each of them is named") {
    const std::string failure =
        failure_of({refusing("first", EPERM), refusing("second", ENOMEM)});
    CHECK(contains(failure, "motet finds nothing to run on"));
    CHECK(contains(failure, "setting up first failed: Operation not permitted"));
    CHECK(contains(failure, "setting up second failed: Cannot allocate memory"));
  }

  TEST_CASE("who insists is told what was refused, why, and what would help") {
    try {
      (void)make_exactly(refusing("first", EPERM), "somebody asks for first");
      FAIL("was made");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::operation_not_permitted);
      CHECK(std::string(error.what()) ==
            "somebody asks for first, but setting up first failed: ask somebody: "
            "Operation not permitted");
    }
  }

  TEST_CASE("a process tells its line once") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(ends[1], STDERR_FILENO);
      for (int i = 0; i < 3; ++i)
        tell_once("motet: once");
      ::_exit(0);
    }
    ::close(ends[1]);
    ::waitpid(child, nullptr, 0);
    char room[64];
    const ssize_t got = ::read(ends[0], room, sizeof room);
    ::close(ends[0]);
    REQUIRE(got > 0);
    CHECK(std::string_view(room, static_cast<std::size_t>(got)) == "motet: once\n");
  }
}

}  // namespace
}  // namespace motet
