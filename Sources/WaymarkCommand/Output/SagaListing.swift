import Waymark

/// A saga as `sagas list` and `sagas show` print it.
struct SagaListing: Encodable {
    let name: String
    let version: Int
    let request: String
    let response: String
    let recoveryPoints: [String]
    /// The saga's own sequence; those inside choices and groups are in its steps' branches.
    let steps: [StepListing]

    init(_ declaration: SagaDeclaration) {
        name = declaration.name
        version = declaration.version
        request = declaration.requestType
        response = declaration.responseType
        recoveryPoints = declaration.recoveryPoints
        steps = declaration.steps.map(StepListing.init)
    }

    /// How many steps there are, also inside of others.
    var stepCount: Int { steps.reduce(0) { $0 + $1.count } }

    /// Every foreign service that a step keeps to the limits of, by name.
    var services: [ServiceListing] {
        Set(steps.flatMap(\.services)).sorted { $0.name < $1.name }
    }
}

/// A step of a listing. What a kind of step does not have is nil, or empty.
struct StepListing: Encodable {
    struct Branch: Encodable {
        /// The case that leads to it, the number of a Parallel's branch, or `each`.
        let label: String
        let steps: [StepListing]
    }

    let name: String
    /// The oldest first.
    let formerNames: [String]
    let kind: String
    /// Whether a condition decides if it runs.
    let isConditional: Bool
    let takes: String
    let gives: String
    /// Of one attempt; of a step that waits for an event, how long it waits.
    let timeoutSeconds: Double?
    let attempts: Int?
    let whenUsedUp: ExhaustionListing?
    let service: ServiceListing?
    let compensation: String?
    let branches: [Branch]

    init(_ step: DeclaredStep) {
        name = step.name
        formerNames = step.formerNames
        kind = "\(step.kind)"
        isConditional = step.isConditional
        takes = step.inputType
        gives = step.outputType
        timeoutSeconds = step.isTried || step.kind == .wait ? step.timeout.inSeconds : nil
        attempts = step.isTried ? step.retry.attempts : nil
        whenUsedUp = step.isTried ? ExhaustionListing(step.exhaustion) : nil
        service = step.service.map(ServiceListing.init)
        compensation = step.compensation.map { "\($0.kind)" }
        branches = step.branches.map { Branch(label: $0.label, steps: $0.steps.map(StepListing.init)) }
    }

    var count: Int { 1 + branches.flatMap(\.steps).reduce(0) { $0 + $1.count } }

    var services: [ServiceListing] { [service].compactMap(\.self) + branches.flatMap(\.steps).flatMap(\.services) }
}

/// What becomes of a request when a step's attempts are used up.
struct ExhaustionListing: Encodable {
    enum Way: String, Encodable {
        case park, degrade, reject
    }

    let way: Way
    /// Of a rejection.
    let status: Int?

    init(_ exhaustion: Exhaustion) {
        switch exhaustion {
        case .park: (way, status) = (.park, nil)
        case .degrade: (way, status) = (.degrade, nil)
        case .reject(let rejection): (way, status) = (.reject, rejection.status)
        }
    }
}

/// A foreign service and its limits in one process.
struct ServiceListing: Encodable, Hashable {
    struct Breaker: Encodable, Hashable {
        let failures: Int
        let pauseSeconds: Double
        let longestPauseSeconds: Double
    }

    let name: String
    let maxConcurrent: Int?
    let perSecond: Double?
    let breaker: Breaker?

    init(_ service: ForeignService) {
        name = service.name
        maxConcurrent = service.maxConcurrent
        perSecond = service.perSecond
        breaker = service.breaker.map { breaker in
            Breaker(
                failures: breaker.failures, pauseSeconds: breaker.pause.inSeconds,
                longestPauseSeconds: breaker.longestPause.inSeconds)
        }
    }
}

extension DeclaredStep {
    /// Whether it is tried until it succeeds: every other step waits, or consists of steps that are.
    fileprivate var isTried: Bool {
        switch kind {
        case .atomicPhase, .foreignCall: true
        case .sleep, .wait, .child, .choice, .parallel, .forEach: false
        }
    }
}
