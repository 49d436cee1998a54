import Waymark

/// The room that outputs need in the request's row: what cannot be stored is found before a foreign effect where that can
/// be known.
extension Runner {
    /// The bytes that an output may take of which nothing is declared: it may hold its input, and what that was made of.
    static func room(forOutputOf inputBytes: Int) -> Int { 2 * inputBytes }

    /// Refuses an output that the row, or the next step, could not take, before it is committed.
    /// - Throws: `UnstorableOutput`.
    func admit(_ value: StepValue, of work: Work) throws {
        guard work.direction == .forward else { return }
        let (step, bytes, limit) = (plan[work.step], value.json.utf8.count, engine.configuration.limits.outputBytes)
        if bytes > limit {
            throw UnstorableOutput(
                description: "the output of '\(step.name)' is \(bytes) bytes; \(limit) at most (limits.outputBytes)")
        }
        if case .atomicPhase = step.kind, let declared = step.outputBytes, bytes > declared {
            throw UnstorableOutput(
                description: "the output of '\(step.name)' is \(bytes) bytes; it declares \(declared) at most")
        }
        // The answer is taken by nobody here.
        if work.finishes && line.isMain { return }
        do {
            _ = try value.read()
        } catch {
            throw UnstorableOutput(
                description: "what is stored does not read as the output of '\(step.name)': \(error)")
        }
    }

    /// Refuses a call whose result may be too large for the row, before it is made.
    /// - Throws: `UnstorableOutput`.
    func checkRoom(for work: Work) throws {
        let step = plan[work.step]
        guard work.direction == .forward, case .foreignCall = step.kind else { return }
        let (bytes, limit) = (inputBytes(of: work), engine.configuration.limits.outputBytes)
        guard step.outputBytes ?? Self.room(forOutputOf: bytes) > limit else { return }
        let size =
            step.outputBytes.map { "it may return \($0) bytes" }
            ?? "it may return its input of \(bytes) bytes twice over"
        throw UnstorableOutput(
            description: "'\(step.name)' is not called: \(size); \(limit) at most (limits.outputBytes). Give it less, "
                + "or declare outputBytes(atMost:)")
    }

    /// Refuses a ForEach whose join may be too large, before the first element is begun.
    /// - Throws: `UnstorableOutput`.
    func checkRoom(for work: Work, _ elements: (count: Int, stored: StepValue)) throws {
        let (step, limit) = (plan[work.step], engine.configuration.limits.outputBytes)
        let stored = elements.stored.json.utf8.count
        if stored > limit {
            throw UnstorableOutput(
                description: "the elements of '\(step.name)' are \(stored) bytes; \(limit) at most (limits.outputBytes)"
            )
        }
        let outputs = declaredElementBytes(of: work).map { $0 * elements.count } ?? stored
        guard step.outputBytes ?? inputBytes(of: work) + outputs > limit else { return }
        throw UnstorableOutput(description: "step '\(step.name)' is not begun: \(joinError(elements.count))")
    }

    /// What is known of the join's size as the elements end; nil where that is declared.
    func joinRoom(of work: Work, _ count: Int) -> JoinRoom? {
        if plan[work.step].outputBytes != nil { return nil }
        return JoinRoom(
            count: count, inputBytes: inputBytes(of: work), limit: engine.configuration.limits.outputBytes)
    }

    func joinError(_ count: Int) -> String {
        "its input and the outputs of \(count) elements may be over \(engine.configuration.limits.outputBytes) bytes "
            + "(limits.outputBytes). Return less, or declare outputBytes(atMost:) for the join"
    }

    private func declaredElementBytes(of work: Work) -> Int? {
        let steps = plan.lines(of: work.step).first.map { line in
            plan.steps.indices.filter { plan.line(of: $0) == line }
        }
        return steps?.last.flatMap { plan[$0].outputBytes }
    }

    /// The bytes of what the work takes, as JSON.
    func inputBytes(of work: Work) -> Int {
        switch plan.source(of: work.step, machine.state.choices) {
        case .line: line.isMain ? key.request.utf8.count : line.inputBytes
        case .output(let index): journal.bytes(of: FinishedStep(step: index, element: line.element))
        // Nothing can be read there, so the step fails before its size counts.
        case .undeclaredWay: 0
        }
    }
}

/// The size of a ForEach's join, estimated from the elements that have ended: a join mostly holds its input and their outputs.
struct JoinRoom {
    let count: Int
    let inputBytes: Int
    let limit: Int
    private var ended = 0
    private var bytes = 0

    init(count: Int, inputBytes: Int, limit: Int) {
        self.count = count
        self.inputBytes = inputBytes
        self.limit = limit
    }

    /// Counts an element's output.
    mutating func add(_ journal: Journal, _ line: Line, _ plan: StepPlan) {
        guard let element = line.element,
            case .output(let last) = plan.result(ofLine: line.number, journal.choices(plan, element: element))
        else { return }
        ended += 1
        bytes += journal.bytes(of: FinishedStep(step: last, element: element))
    }

    /// Whether the join cannot hold all outputs, should the others be as large.
    var isFull: Bool { ended > 0 && inputBytes + bytes * count / ended > limit }
}
