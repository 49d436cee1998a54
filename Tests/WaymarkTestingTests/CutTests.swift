import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import WaymarkTesting

@Suite("FaultProxy, cutting", .timeLimit(.minutes(1)))
struct CutTests {
    /// Remembers what a server was sent, and answers each piece with "ok".
    final class Memory: Sendable {
        let text = Mutex("")
        let finished = Mutex(false)

        @Sendable
        func serve(_ input: SocketReader, _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws {
            while let piece = try await input.next() {
                text.withLock { $0 += String(buffer: piece) }
                try? await output.send("ok")
            }
            finished.withLock { $0 = true }
        }
    }

    @Test("forward: the server gets the pattern, its answer is swallowed", arguments: ["COMMIT", "ABACABAB"])
    func forwarded(pattern: String) async throws {
        let memory = Memory()
        try await withServer(memory.serve) { proxy in
            proxy.cutAfter(pattern: pattern, forward: true)
            try await withClient(proxy) { input, output in
                try await output.send("BEGIN;")
                #expect(try await input.read(2) == "ok")
                try await output.send(pattern + ";")
                #expect((try? await input.readAll()) ?? "" == "")
            }
            await proxy.waitForCut()
            #expect(memory.text.withLock { $0 } == "BEGIN;\(pattern);")
            #expect(memory.finished.withLock { $0 })
            // Used up: the next one passes.
            try await withClient(proxy) { input, output in
                try await output.send(pattern)
                #expect(try await input.read(2) == "ok")
            }
            #expect(proxy.counters.cuts == 1)
        }
    }

    @Test("not forward: the server never sees the whole pattern, split or not", arguments: [[6], [3, 3], [1, 4, 1]])
    func withheld(pieces: [Int]) async throws {
        let memory = Memory()
        try await withServer(memory.serve) { proxy in
            proxy.cutAfter(pattern: "COMMIT", times: 2, forward: false)
            for round in 1...2 {
                try await withClient(proxy) { input, output in
                    var rest = Substring("COMMIT")
                    for (index, length) in pieces.enumerated() {
                        try await output.send(String(rest.prefix(length)))
                        rest = rest.dropFirst(length)
                        if index < pieces.count - 1 { #expect(try await input.read(2) == "ok") }
                    }
                    #expect((try? await input.readAll()) ?? "" == "")
                }
                await proxy.waitForCut(count: round)
            }
            #expect(!memory.text.withLock { $0 }.contains("COMMIT"))
            #expect(memory.text.withLock { $0.count } == 2 * pieces.dropLast().reduce(0, +))
        }
    }

    @Test("to the client: cut off right behind the pattern, or in front of it", arguments: [true, false])
    func answers(forward: Bool) async throws {
        try await withServer(echo) { proxy in
            proxy.cutAfter(pattern: "END", direction: .toClient, forward: forward)
            try await withClient(proxy) { input, output in
                try await output.send("before END after")
                let got = (try? await input.readAll()) ?? ""
                #expect("before END".hasPrefix(got))
                #expect(forward || got.count <= "before ".count)
            }
            await proxy.waitForCut()
        }
    }

    @Test("after n bytes", arguments: FaultProxy.Direction.allCases)
    func bytes(direction: FaultProxy.Direction) async throws {
        let memory = Memory()
        try await withServer(direction == .toServer ? memory.serve : echo) { proxy in
            proxy.setRules(
                direction == .toServer ? .init(cutAfterBytesToServer: 5) : .init(cutAfterBytesToClient: 5)
            )
            try await withClient(proxy) { input, output in
                try await output.send("0123456789")
                _ = try? await input.readAll()
            }
            await proxy.waitForCut()
            switch direction {
            case .toServer: #expect(memory.text.withLock { $0 } == "01234")
            case .toClient: #expect(proxy.counters.bytesToClient == 5)
            }
            proxy.clearRules()
            try await withClient(proxy) { input, output in
                try await output.send("0123456789")
                #expect(try await input.read(2).isEmpty == false)
            }
        }
    }

    @Test("reset reaches the client as a reset")
    func reset() async throws {
        try await withServer(echo) { proxy in
            try await withClient(proxy) { input, output in
                try await output.send("x")
                #expect(try await input.read(1) == "x")
                #expect(proxy.resetAll() == 1)
                let error = await #expect(throws: IOError.self) { _ = try await input.readAll() }
                #expect(error?.errnoCode == 104 || error?.errnoCode == 54)
            }
            await proxy.waitForCut()
        }
    }

    @Test("refusing, and an upstream that is not there, are resets too")
    func refuse() async throws {
        try await withServer(echo) { proxy in
            proxy.setRules(.init(refusesConnections: true))
            _ = try? await withClient(proxy) { input, _ in #expect((try? await input.readAll()) ?? "" == "") }
            try await eventually("it was refused") { proxy.counters.refused == 1 }
            proxy.clearRules()
            try await withClient(proxy) { input, output in
                try await output.send("x")
                #expect(try await input.read(1) == "x")
            }
        }
        let nowhere = try await FaultProxy.start(upstream: .unix("/nonexistent/socket"))
        _ = try? await withClient(nowhere) { input, _ in #expect((try? await input.readAll()) ?? "" == "") }
        try await eventually("it was refused") { nowhere.counters.refused == 1 }
        await nowhere.stop()
    }

    @Test("half-closing the way to the server lets its answer through")
    func halfClose() async throws {
        try await withServer({ input, output in
            let text = try await input.readAll()
            try await output.send("got \(text)")
        }) { proxy in
            try await withClient(proxy) { input, output in
                try await output.send("x")
                try await eventually("it went on") { proxy.counters.bytesToServer == 1 }
                proxy.halfCloseAll(.toServer)
                #expect(try await input.readAll() == "got x")
            }
        }
    }
}
