// SPDX-License-Identifier: MIT

/// @file
/// A library that does not block, but wants to be told when its descriptor is ready:
/// hiredis, driven by fibers.

#include "examples/arguments.hpp"

#include <motet/motet.hpp>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

namespace {

using namespace motet;

struct freeing {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(void* reply) const { freeReplyObject(reply); }
};
using reply = std::unique_ptr<redisReply, freeing>;

/// A connection. One fiber at a time; one that was stopped in the middle of a command
/// leaves it with an answer on the way, so that it is of no use any more.
class client {
 public:
  explicit client(int port) : context_(redisConnectNonBlock("127.0.0.1", port)) {
    check(context_ != nullptr && context_->err == 0);
    wait_writable(context_->fd);
  }

  reply command(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
    check(redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()),
                                 texts.data(), lengths.data()) == REDIS_OK);
    for (int sent = 0; sent == 0;) {
      wait_writable(context_->fd);
      check(redisBufferWrite(context_.get(), &sent) == REDIS_OK);
    }
    void* answer = nullptr;
    while (answer == nullptr) {
      wait_readable(context_->fd);
      check(redisBufferRead(context_.get()) == REDIS_OK);
      check(redisGetReplyFromReader(context_.get(), &answer) == REDIS_OK);
    }
    reply got(static_cast<redisReply*>(answer));
    if (got->type == REDIS_REPLY_ERROR) throw std::runtime_error(got->str);
    return got;
  }

 private:
  void check(bool went_well) const {
    if (went_well) return;
    throw std::runtime_error(context_ != nullptr ? context_->errstr : "no memory");
  }

  std::unique_ptr<redisContext, freeing> context_;
};

void perform(int port) {
  client music(port);
  music.command({"FLUSHALL"});
  music.command({"SET", "composer", "Thomas Tallis"});
  std::printf("composer: %s\n", music.command({"GET", "composer"})->str);

  // Each singer has a connection; all sing at the same time.
  with_scope([&](scope& choir) {
    for (int singer = 0; singer < 40; ++singer) {
      choir.spin([port] {
        client own(port);
        for (int bar = 0; bar < 10; ++bar)
          own.command({"INCR", "notes"});
      });
    }
  });
  std::printf("notes: %s\n", music.command({"GET", "notes"})->str);

  // A wait for what another fiber brings.
  const auto listener = spin([port] {
    client own(port);
    return std::string(own.command({"BLPOP", "stage", "0"})->element[1]->str);
  });
  music.command({"RPUSH", "stage", "Spem in alium"});
  std::printf("heard: %s\n", listener.await().c_str());

  // A wait with a deadline: the connection goes with it.
  const auto heard = move_on_after(50ms, [&] {
    client own(port);
    return own.command({"BLPOP", "stage", "0"});
  });
  std::puts(heard ? "heard more" : "silence");

  try {
    music.command({"INCR", "composer"});
  } catch (const std::runtime_error& error) {
    std::printf("%s\n", error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  int port = 6379;
  examples::read_arguments(argc, argv,
                           "Talks to a Redis server on 127.0.0.1, whose data it deletes.",
                           {{"port", "N", "where the server listens", 1, 65535, port}});
  try {
    run([&] { perform(port); });
  } catch (const std::exception& error) {
    return examples::explain(error);
  }
}
