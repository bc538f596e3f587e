// SPDX-License-Identifier: MIT
#include "backend/make_backend.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace motet {
namespace {

/// Sets MOTET_BACKEND, and puts back what it was.
class chosen_by_environment {
 public:
  explicit chosen_by_environment(const char* value) {
    const char* const before = std::getenv(variable);
    if (before != nullptr) before_ = before;
    had_one_ = before != nullptr;
    ::setenv(variable, value, 1);
  }
  chosen_by_environment(const chosen_by_environment&) = delete;
  chosen_by_environment& operator=(const chosen_by_environment&) = delete;
  ~chosen_by_environment() {
    if (had_one_) {
      ::setenv(variable, before_.c_str(), 1);
    } else {
      ::unsetenv(variable);
    }
  }

 private:
  static constexpr const char* variable = "MOTET_BACKEND";
  std::string before_;
  bool had_one_ = false;
};

TEST_SUITE("make_backend") {
  TEST_CASE("the environment chooses when the program does not") {
    const chosen_by_environment sim("sim");
    CHECK(make_backend(engine::automatic)->name() == std::string_view("sim"));
  }

  TEST_CASE("the program's choice is not overridden") {
    const chosen_by_environment nonsense("nonsense");
    CHECK(make_backend(engine::sim)->name() == std::string_view("sim"));
  }

  TEST_CASE("an unknown name is answered with the known ones") {
    const chosen_by_environment nonsense("nonsense");
    try {
      (void)make_backend(engine::automatic);
      FAIL("was accepted");
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::invalid_argument);
      const std::string_view what = error.what();
      CHECK(what.find("'nonsense'") != what.npos);
      CHECK(what.find("auto, uring, libev and sim") != what.npos);
    }
  }
}

}  // namespace
}  // namespace motet
