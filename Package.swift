// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "waymark",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "PostgresPQ", targets: ["PostgresPQ"]),
        .library(name: "Waymark", targets: ["Waymark"]),
        .library(name: "WaymarkEngine", targets: ["WaymarkEngine"]),
        .library(name: "WaymarkHTTP", targets: ["WaymarkHTTP"]),
        .library(name: "WaymarkClient", targets: ["WaymarkClient"]),
        .library(name: "WaymarkTesting", targets: ["WaymarkTesting"]),
        .library(name: "WaymarkCommand", targets: ["WaymarkCommand"]),
        .executable(name: "waymark", targets: ["waymark"]),
        .executable(name: "sandbox", targets: ["sandbox"]),
        .executable(name: "demo", targets: ["demo"]),
        .executable(name: "chaos", targets: ["chaos"]),
        .executable(name: "bench", targets: ["bench"]),
        // A file of its own, for tests to preload into processes.
        .library(name: "RealTimers", type: .dynamic, targets: ["RealTimers"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(
            url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: ["CommandLineArguments"]),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .target(
            name: "PostgresPQ",
            dependencies: ["CLibPQ", collections, logging, metrics, serviceLifecycle],
            swiftSettings: settings
        ),
        .target(name: "PrivatePostgres", dependencies: [logging, subprocess, systemPackage], swiftSettings: settings),
        .target(name: "Waymark", dependencies: ["PostgresPQ", collections, crypto, logging], swiftSettings: settings),
        .target(
            name: "WaymarkMigrations",
            path: "migrations",
            resources: [
                .embedInCode("0001_keys_and_jobs.sql"), .embedInCode("0002_branches_events_and_audit.sql"),
                .embedInCode("0003_room_for_shared_updates.sql"), .embedInCode("0004_lanes_of_jobs.sql"),
                .embedInCode("0005_calls_in_doubt.sql"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "WaymarkEngine",
            dependencies: [
                "PostgresPQ", "Waymark", "WaymarkMigrations", collections, crypto, logging, metrics, serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "WaymarkHTTP",
            dependencies: [
                "PostgresPQ", "Waymark", "WaymarkEngine", httpTypes, hummingbird, logging, nioCore, nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "WaymarkClient",
            dependencies: [asyncHTTPClient, nioCore],
            swiftSettings: settings
        ),
        .target(
            name: "WaymarkTesting",
            dependencies: [
                "PostgresPQ", "PrivatePostgres", "Waymark", "WaymarkEngine", logging, nioCore, nioPosix, subprocess,
                systemPackage,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "WaymarkCommand",
            dependencies: [
                "PostgresPQ", "PrivatePostgres", "Waymark", "WaymarkEngine", "WaymarkHTTP",
                argumentParser, configuration, hummingbird, logging, serviceLifecycle, unixSignals,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "waymark",
            dependencies: [
                "Fulfilment", "Onboarding", "RocketRides", "Waymark", "WaymarkCommand", "WaymarkEngine", "Withdrawal",
                configuration, hummingbird,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "RocketRides",
            dependencies: [
                "PostgresPQ", "Waymark", "WaymarkCommand", "WaymarkEngine", "WaymarkHTTP", asyncHTTPClient,
                configuration,
                httpTypes, hummingbird, nioCore, nioHTTP1,
            ],
            path: "Sagas/RocketRides",
            resources: [.embedInCode("schema.sql")],
            swiftSettings: settings
        ),
        .target(
            name: "Withdrawal",
            dependencies: [
                "PostgresPQ", "Waymark", "WaymarkCommand", "WaymarkEngine", "WaymarkHTTP", asyncHTTPClient,
                configuration, httpTypes, hummingbird, nioCore, nioHTTP1,
            ],
            path: "Sagas/Withdrawal",
            resources: [.embedInCode("schema.sql")],
            swiftSettings: settings
        ),
        .target(
            name: "ForeignServices",
            dependencies: ["Waymark", asyncHTTPClient, configuration, nioCore, nioHTTP1],
            path: "Sagas/ForeignServices",
            swiftSettings: settings
        ),
        .target(
            name: "Onboarding",
            dependencies: [
                "ForeignServices", "PostgresPQ", "Waymark", "WaymarkCommand", "WaymarkEngine", "WaymarkHTTP",
                configuration, httpTypes, hummingbird,
            ],
            path: "Sagas/Onboarding",
            resources: [.embedInCode("schema.sql")],
            swiftSettings: settings
        ),
        .target(
            name: "Fulfilment",
            dependencies: [
                "ForeignServices", "PostgresPQ", "Waymark", "WaymarkCommand", "WaymarkEngine", "WaymarkHTTP",
                configuration, httpTypes, hummingbird,
            ],
            path: "Sagas/Fulfilment",
            resources: [.embedInCode("schema.sql")],
            swiftSettings: settings
        ),
        .target(
            name: "Patterns",
            dependencies: ["PostgresPQ", "Waymark", asyncHTTPClient, nioCore, nioHTTP1],
            path: "Sagas/Patterns",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "sandbox",
            dependencies: [argumentParser, hummingbird, httpTypes, logging, nioCore],
            path: "Sagas/Sandbox",
            swiftSettings: settings
        ),
        .target(
            name: "Staging",
            dependencies: [
                "PrivatePostgres", "WaymarkTesting", asyncHTTPClient, logging, nioCore, subprocess, systemPackage,
                unixSignals,
            ],
            path: "Sagas/Staging",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "demo",
            dependencies: [
                "PostgresPQ", "Staging", "Waymark", "WaymarkClient", "WaymarkTesting", argumentParser, asyncHTTPClient,
                logging, nioCore,
                nioHTTP1, unixSignals,
            ],
            path: "Sagas/Demo",
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresPQTests",
            dependencies: [
                "PostgresPQ", "PrivatePostgres", "WaymarkTesting", collections, logging, nioCore, serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PrivatePostgresTests",
            dependencies: ["PrivatePostgres", "WaymarkTesting", logging, subprocess, systemPackage],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WaymarkTests",
            dependencies: ["PostgresPQ", "Waymark", "WaymarkTesting", crypto, subprocess],
            resources: [.copy("Fixtures")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WaymarkClientTests",
            dependencies: ["WaymarkClient", "WaymarkTesting", asyncHTTPClient, nioCore, nioHTTP1, nioPosix],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WaymarkEngineTests",
            dependencies: [
                "PostgresPQ", "Simulation", "Waymark", "WaymarkEngine", "WaymarkTesting", logging, serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WaymarkHTTPTests",
            dependencies: [
                "PostgresPQ", "PrivatePostgres", "Waymark", "WaymarkEngine", "WaymarkHTTP", "WaymarkTesting",
                "crash-fixture", httpTypes,
                hummingbird, hummingbirdTesting, logging, nioCore, nioHTTP1, nioPosix, subprocess,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WaymarkTestingTests",
            dependencies: ["PostgresPQ", "Waymark", "WaymarkEngine", "WaymarkTesting", nioCore, nioPosix],
            swiftSettings: settings
        ),
        .target(
            name: "Simulation",
            dependencies: ["Waymark", "WaymarkEngine", "WaymarkTesting"],
            path: "Tests/Simulation",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["Simulation", argumentParser],
            path: "Tests/SimulationCommand",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Simulation", "WaymarkTesting"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "crash-fixture",
            dependencies: [
                "PostgresPQ", "Waymark", "WaymarkCommand", "WaymarkEngine", "WaymarkHTTP", configuration, httpTypes,
                hummingbird, logging,
            ],
            path: "Tests/CrashFixture",
            swiftSettings: settings
        ),
        .target(name: "RealTimers", path: "Tests/RealTimers", publicHeadersPath: "."),
        .target(
            name: "SandboxLedger",
            dependencies: [asyncHTTPClient, nioCore],
            path: "Tests/SandboxLedger",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "chaos",
            dependencies: [
                "PostgresPQ", "Staging", "WaymarkClient", "WaymarkTesting", argumentParser, unixSignals,
            ],
            path: "Tests/Chaos",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "bench",
            dependencies: [
                "PostgresPQ", "PrivatePostgres", "RocketRides", "Staging", "Waymark", "WaymarkEngine", "WaymarkHTTP",
                "WaymarkTesting", argumentParser, configuration, hummingbird, logging, serviceLifecycle, subprocess,
                systemPackage, unixSignals,
            ],
            path: "Benchmarks",
            swiftSettings: settings
        ),
        .testTarget(
            name: "OnboardingTests",
            dependencies: [
                "Onboarding", "PostgresPQ", "SandboxLedger", "Waymark", "WaymarkEngine", "WaymarkTesting", "sandbox",
                "waymark",
                asyncHTTPClient, configuration, logging, nioCore, nioHTTP1, subprocess,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FulfilmentTests",
            dependencies: [
                "Fulfilment", "PostgresPQ", "SandboxLedger", "Waymark", "WaymarkEngine", "WaymarkTesting", "sandbox",
                "waymark",
                asyncHTTPClient, configuration, logging, nioCore, nioHTTP1, subprocess,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "PostgresPQ", "PrivatePostgres", "Staging", "WaymarkClient", "WaymarkTesting", "chaos", "crash-fixture",
                "sandbox", "waymark", asyncHTTPClient, logging, nioCore, nioHTTP1, subprocess, systemPackage,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WaymarkCommandTests",
            dependencies: [
                "PostgresPQ", "Waymark", "WaymarkCommand", "WaymarkEngine", "WaymarkTesting", "crash-fixture",
                "waymark",
                subprocess,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RocketRidesTests",
            dependencies: [
                "PostgresPQ", "RocketRides", "Waymark", "WaymarkTesting", "sandbox", "waymark", asyncHTTPClient,
                nioCore, nioHTTP1,
                subprocess,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WithdrawalTests",
            dependencies: [
                "PostgresPQ", "SandboxLedger", "Waymark", "WaymarkClient", "WaymarkEngine", "WaymarkTesting",
                "Withdrawal", "sandbox",
                "waymark", asyncHTTPClient, logging, nioCore, nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PatternsTests",
            dependencies: [
                "Patterns", "PostgresPQ", "Waymark", "WaymarkEngine", "WaymarkTesting", httpTypes, hummingbird,
                hummingbirdTesting, logging, nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "SandboxTests",
            dependencies: ["WaymarkTesting", "sandbox", asyncHTTPClient, nioCore, nioHTTP1, subprocess],
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
