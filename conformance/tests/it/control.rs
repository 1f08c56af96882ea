//! The control plane, a group of operations at a time, over both transports.

use aws_sdk_bedrock::primitives::Blob;
use aws_sdk_bedrock::types::{
    CloudWatchConfig, GuardrailWordConfig, GuardrailWordPolicyConfig, InferenceProfileModelSource,
    InferenceProfileType, LoggingConfig, ModelCustomizationJobStatus, ModelDataSource, ModelImportJobStatus,
    ModelInvocationJobInputDataConfig, ModelInvocationJobOutputDataConfig,
    ModelInvocationJobS3InputDataConfig, ModelInvocationJobS3OutputDataConfig, ModelInvocationJobStatus,
    OutputDataConfig, PromptRouterTargetModel, RoutingCriteria, S3DataSource, Tag, TrainingDataConfig,
};

use crate::NOVA;
use crate::emulator::{Done, TRANSPORTS, start};

const ROLE: &str = "arn:aws:iam::123456789012:role/outcrop";

fn source() -> String {
    format!("arn:aws:bedrock:us-east-1::foundation-model/{NOVA}")
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().expect("key and value are there")
}

fn weights() -> ModelDataSource {
    let source = S3DataSource::builder().s3_uri("s3://weights/mine/").build().expect("the address is there");
    ModelDataSource::S3DataSource(source)
}

#[tokio::test]
async fn profiles_and_tags() {
    for transport in TRANSPORTS {
        let emulator = start(transport).await;
        let control = &emulator.control;
        let request =
            control.create_inference_profile().inference_profile_name("rust").tags(tag("team", "a"));
        let request = request.model_source(InferenceProfileModelSource::CopyFrom(source()));
        let made = request.send().await.done("create");
        let arn = made.inference_profile_arn();
        let found =
            control.get_inference_profile().inference_profile_identifier(arn).send().await.done("get");
        assert_eq!(found.models()[0].model_arn(), Some(source().as_str()));
        assert!(found.created_at().is_some());
        let pages = control
            .list_inference_profiles()
            .type_equals(InferenceProfileType::SystemDefined)
            .into_paginator();
        let listed = pages.page_size(10).items().send().collect::<Result<Vec<_>, _>>().await.done("list");
        assert!(listed.len() > 10);
        control.tag_resource().resource_arn(arn).tags(tag("cost", "7")).send().await.done("tag");
        control.untag_resource().resource_arn(arn).tag_keys("team").send().await.done("untag");
        let tags = control.list_tags_for_resource().resource_arn(arn).send().await.done("list tags");
        assert_eq!(tags.tags(), [tag("cost", "7")]);
        control.delete_inference_profile().inference_profile_identifier(arn).send().await.done("delete");
        let gone = control.get_inference_profile().inference_profile_identifier(arn).send().await;
        assert!(gone.expect_err("it is gone").into_service_error().is_resource_not_found_exception());
    }
}

#[tokio::test]
async fn models_and_access() {
    for transport in TRANSPORTS {
        let emulator = start(transport).await;
        let control = &emulator.control;
        let models = control.list_foundation_models().by_provider("amazon").send().await.done("list");
        assert!(models.model_summaries().iter().any(|model| model.model_id() == NOVA));
        let model = control.get_foundation_model().model_identifier(NOVA).send().await.done("get");
        assert_eq!(model.model_details().map(|it| it.model_arn()), Some(source().as_str()));
        let offers =
            control.list_foundation_model_agreement_offers().model_id(NOVA).send().await.done("offers");
        let token = offers.offers()[0].offer_token();
        control.delete_foundation_model_agreement().model_id(NOVA).send().await.done("disagree");
        let available =
            control.get_foundation_model_availability().model_id(NOVA).send().await.done("availability");
        let status = available.agreement_availability().map(|it| it.status().as_str().to_owned());
        assert_eq!(status.as_deref(), Some("NOT_AVAILABLE"));
        control
            .create_foundation_model_agreement()
            .model_id(NOVA)
            .offer_token(token)
            .send()
            .await
            .done("agree");
        let form = Blob::new("our use case");
        control.put_use_case_for_model_access().form_data(form.clone()).send().await.done("put use case");
        let kept = control.get_use_case_for_model_access().send().await.done("get use case");
        assert_eq!(kept.form_data(), &form);
    }
}

#[tokio::test]
async fn logging() {
    for transport in TRANSPORTS {
        let emulator = start(transport).await;
        let control = &emulator.control;
        let to = CloudWatchConfig::builder().log_group_name("/bedrock/rust").role_arn(ROLE).build();
        let config =
            LoggingConfig::builder().cloud_watch_config(to.expect("group and role are there")).build();
        control.put_model_invocation_logging_configuration().logging_config(config).send().await.done("put");
        let kept = control.get_model_invocation_logging_configuration().send().await.done("get");
        let group =
            kept.logging_config().and_then(|it| it.cloud_watch_config()).map(|it| it.log_group_name());
        assert_eq!(group, Some("/bedrock/rust"));
        control.delete_model_invocation_logging_configuration().send().await.done("delete");
        let kept = control.get_model_invocation_logging_configuration().send().await.done("get");
        assert!(kept.logging_config().is_none());
    }
}

#[tokio::test]
async fn guardrails() {
    for transport in TRANSPORTS {
        let emulator = start(transport).await;
        let control = &emulator.control;
        let words = |text: &str| {
            let word = GuardrailWordConfig::builder().text(text).build().expect("the text is there");
            GuardrailWordPolicyConfig::builder().words_config(word).build()
        };
        let request = control.create_guardrail().name("rust").word_policy_config(words("kraken"));
        let request = request.blocked_input_messaging("not this").blocked_outputs_messaging("not that");
        let made = request.send().await.done("create");
        let id = made.guardrail_id();
        let version =
            control.create_guardrail_version().guardrail_identifier(id).send().await.done("version");
        assert_eq!(version.version(), "1");
        let request = control
            .update_guardrail()
            .guardrail_identifier(id)
            .name("rust-2")
            .word_policy_config(words("hydra"));
        let request = request.blocked_input_messaging("not this").blocked_outputs_messaging("not that");
        request.send().await.done("update");
        let first =
            control.get_guardrail().guardrail_identifier(id).guardrail_version("1").send().await.done("get");
        let word = first.word_policy().and_then(|it| it.words().first()).map(|it| it.text());
        assert_eq!(word, Some("kraken"));
        let pages = control.list_guardrails().guardrail_identifier(id).into_paginator().page_size(1);
        let listed = pages.items().send().collect::<Result<Vec<_>, _>>().await.done("list");
        assert_eq!(listed.iter().map(|it| it.version()).collect::<Vec<_>>(), ["DRAFT", "1"]);
        control.delete_guardrail().guardrail_identifier(id).send().await.done("delete");
    }
}

#[tokio::test]
async fn models_of_ones_own() {
    for transport in TRANSPORTS {
        let emulator = start(transport).await;
        let control = &emulator.control;
        let request = control.create_custom_model().model_name("mine").role_arn(ROLE);
        let model = request.model_source_config(weights()).send().await.done("create");
        let request = control.create_custom_model_deployment().model_deployment_name("live");
        let made = request.model_arn(model.model_arn()).send().await.done("deploy");
        let arn = made.custom_model_deployment_arn();
        let found =
            control.get_custom_model_deployment().custom_model_deployment_identifier(arn).send().await;
        assert_eq!(found.done("get").status().as_str(), "Active");
        let listed = control.list_custom_model_deployments().into_paginator().items().send();
        assert_eq!(listed.collect::<Result<Vec<_>, _>>().await.done("list").len(), 1);
        control
            .delete_custom_model_deployment()
            .custom_model_deployment_identifier(arn)
            .send()
            .await
            .done("undeploy");
        control.delete_custom_model().model_identifier("mine").send().await.done("delete");

        let training = TrainingDataConfig::builder().s3_uri("s3://training/data").build();
        let output =
            OutputDataConfig::builder().s3_uri("s3://training/out").build().expect("the address is there");
        let request = control.create_model_customization_job().job_name("tune").custom_model_name("tuned");
        let request = request.role_arn(ROLE).base_model_identifier(NOVA).training_data_config(training);
        let job = request.output_data_config(output).send().await.done("customize");
        control.stop_model_customization_job().job_identifier(job.job_arn()).send().await.done("stop");
        let told =
            control.get_model_customization_job().job_identifier(job.job_arn()).send().await.done("get job");
        let stopped = [ModelCustomizationJobStatus::Stopping, ModelCustomizationJobStatus::Stopped];
        assert!(told.status().is_some_and(|status| stopped.contains(status)), "{told:?}");

        let request = control.create_model_import_job().job_name("import").imported_model_name("theirs");
        let job = request.role_arn(ROLE).model_data_source(weights()).send().await.done("import");
        let told =
            control.get_model_import_job().job_identifier(job.job_arn()).send().await.done("get import");
        assert!(matches!(
            told.status(),
            Some(ModelImportJobStatus::InProgress | ModelImportJobStatus::Completed)
        ));
        let listed = control.list_imported_models().into_paginator().items().send();
        listed.collect::<Result<Vec<_>, _>>().await.done("list imported");
    }
}

#[tokio::test]
async fn throughput_routers_and_batches() {
    for transport in TRANSPORTS {
        let emulator = start(transport).await;
        let control = &emulator.control;
        let request = control.create_provisioned_model_throughput().provisioned_model_name("fast");
        let made = request.model_id(NOVA).model_units(1).send().await.done("buy");
        let arn = made.provisioned_model_arn();
        let found =
            control.get_provisioned_model_throughput().provisioned_model_id(arn).send().await.done("get");
        assert_eq!((found.model_units(), found.model_arn()), (1, source().as_str()));
        control
            .delete_provisioned_model_throughput()
            .provisioned_model_id(arn)
            .send()
            .await
            .done("give back");

        let target = PromptRouterTargetModel::builder().model_arn(source()).build();
        let criteria = RoutingCriteria::builder()
            .response_quality_difference(5.0)
            .build()
            .expect("the difference is there");
        let request = control.create_prompt_router().prompt_router_name("router").models(target.clone());
        let request = request.fallback_model(target).routing_criteria(criteria);
        let made = request.send().await.done("create router");
        let arn = made.prompt_router_arn().expect("it has an ARN");
        let found = control.get_prompt_router().prompt_router_arn(arn).send().await.done("get router");
        assert_eq!(found.prompt_router_name(), "router");
        control.delete_prompt_router().prompt_router_arn(arn).send().await.done("delete router");

        let input = ModelInvocationJobS3InputDataConfig::builder().s3_uri("s3://nowhere/in.jsonl").build();
        let output = ModelInvocationJobS3OutputDataConfig::builder().s3_uri("s3://nowhere/out/").build();
        let input = input.expect("the address is there");
        let output = output.expect("the address is there");
        let request = control.create_model_invocation_job().job_name("batch").role_arn(ROLE).model_id(NOVA);
        let request = request.input_data_config(ModelInvocationJobInputDataConfig::S3InputDataConfig(input));
        let request =
            request.output_data_config(ModelInvocationJobOutputDataConfig::S3OutputDataConfig(output));
        let job = request.send().await.done("create batch");
        let arn = job.job_arn();
        let listed = control.list_model_invocation_jobs().into_paginator().items().send();
        assert_eq!(listed.collect::<Result<Vec<_>, _>>().await.done("list").len(), 1);
        // There is nothing at its input, so it fails by itself.
        loop {
            let told = control.get_model_invocation_job().job_identifier(arn).send().await.done("get batch");
            match told.status() {
                Some(ModelInvocationJobStatus::Submitted | ModelInvocationJobStatus::InProgress) => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                ended => break assert_eq!(ended, Some(&ModelInvocationJobStatus::Failed), "{told:?}"),
            }
        }
        let stop = control.stop_model_invocation_job().job_identifier(arn).send().await;
        assert!(stop.expect_err("it has ended").into_service_error().is_conflict_exception());
    }
}
