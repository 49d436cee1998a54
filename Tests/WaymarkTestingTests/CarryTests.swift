import NIOCore
import Testing

@testable import WaymarkTesting

@Suite("FaultProxy, without faults", .timeLimit(.minutes(1)))
struct CarryTests {
    @Test("carries megabytes both ways unchanged, and counts them")
    func bulk() async throws {
        try await withServer(echo) { proxy in
            try await withClient(proxy) { input, output in
                let piece = String(repeating: "0123456789abcdef", count: 4096)
                async let sent: Void = {
                    for _ in 0..<128 { try await output.send(piece) }
                    output.finish()
                }()
                let back = try await input.readAll()
                try await sent
                #expect(back.utf8.count == 128 * 65_536)
                let isSame = back == String(repeating: piece, count: 128)
                #expect(isSame)
            }
            #expect(proxy.counters.bytesToServer == 128 * 65_536)
            #expect(proxy.counters.bytesToClient == 128 * 65_536)
            #expect(proxy.counters.connections == 1)
            try await eventually("the connection is over") { proxy.counters.open == 0 }
            #expect(proxy.counters.cuts == 0)
        }
    }

    @Test("what a client writes at once is one piece")
    func pieces() async throws {
        try await withServer(echo) { proxy in
            try await withClient(proxy) { input, output in
                let piece = String(repeating: "0123456789abcdef", count: 512)
                for number in 1...5 {
                    try await output.send(piece)
                    #expect(try await input.read(8_192) == piece)
                    #expect(proxy.counters.piecesToServer == number)
                }
            }
        }
    }

    @Test("an answer that comes after the client has finished still arrives")
    func halfClose() async throws {
        try await withServer({ input, output in
            let question = try await input.readAll()
            try await output.send("you said \(question)")
        }) { proxy in
            try await withClient(proxy) { input, output in
                try await output.send("hello")
                output.finish()
                #expect(try await input.readAll() == "you said hello")
            }
        }
    }

    @Test("a server that does not read stops its client")
    func backPressure() async throws {
        try await withServer({ _, _ in try await Task.sleep(for: .seconds(3600)) }) { proxy in
            try await withClient(proxy) { _, output in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        let piece = ByteBuffer(repeating: 7, count: 1 << 20)
                        for _ in 0..<256 { try await output.write(piece) }
                    }
                    // Stopped means: the same number of bytes passed on, many looks in a row.
                    var last = 0
                    var looks = 0
                    try await eventually("the client is stopped") {
                        let now = proxy.counters.bytesToServer
                        looks = now == last && now > 0 ? looks + 1 : 0
                        last = now
                        return looks > 60
                    }
                    #expect(last < 96 << 20)
                    group.cancelAll()
                    try? await group.waitForAll()
                }
            }
        }
    }

    @Test("a latency is waited for, in each direction")
    func latency() async throws {
        try await withServer(echo) { proxy in
            proxy.setRules(.init(latencyToServer: .milliseconds(60), latencyToClient: .milliseconds(40), jitter: 0.5))
            try await withClient(proxy) { input, output in
                let start = ContinuousClock.now
                try await output.send("ping")
                #expect(try await input.read(4) == "ping")
                #expect(ContinuousClock.now - start >= .milliseconds(50))
            }
        }
    }

    @Test("stop ends connections and port")
    func stop() async throws {
        try await withServer(echo) { proxy in
            try await withClient(proxy) { input, output in
                try await output.send("x")
                #expect(try await input.read(1) == "x")
                await proxy.stop()
                await proxy.stop()
                #expect((try? await input.readAll()) ?? "" == "")
                #expect(proxy.counters.open == 0)
            }
            await #expect(throws: (any Error).self) { try await withClient(proxy) { _, _ in } }
        }
    }
}
